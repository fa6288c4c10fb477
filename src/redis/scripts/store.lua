-- Commits an entry, if its lease is still held and no purge came since the lease was granted.
-- KEYS entry, lease, ledger, for a variant its family.
-- ARGV token, entry ms, epoch, sequence, generation, id, most members (0: not counted), entry.
-- Reply: 1 stored, 0 lease or family lost, -1 another epoch, the id that a new member displaced, or
-- the purges since with their sequences.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
local family = KEYS[4] and redis.call('GET', KEYS[4])
if KEYS[4] and (not family or string.sub(family, 1, 16) ~= ARGV[5]) then
  redis.call('DEL', KEYS[2])
  return 0
end
local top = redis.call('ZRANGE', KEYS[3], '-1', '-1', 'WITHSCORES')
if #top == 0 or string.sub(top[1], 2) ~= ARGV[3] or tonumber(top[2]) < tonumber(ARGV[4]) then
  redis.call('DEL', KEYS[2])
  return -1
end
if tonumber(top[2]) > tonumber(ARGV[4]) then
  local since = redis.call('ZRANGE', KEYS[3], '(' .. ARGV[4], '+inf', 'BYSCORE', 'WITHSCORES')
  -- A change concerns copies elsewhere: had it been of this URL, the lease would be gone.
  for i = 1, #since, 2 do
    local kind = string.sub(since[i], 1, 2)
    if kind ~= 'c:' and string.sub(kind, 1, 1) ~= '~' then return since end
  end
end
redis.call('SET', KEYS[1], ARGV[8], 'PX', ARGV[2])
redis.call('DEL', KEYS[2])
if not KEYS[4] then return 1 end
if ARGV[7] == '0' then
  redis.call('PEXPIRE', KEYS[4], ARGV[2], 'GT')
  return 1
end
local members = ''
for i = 17, #family, 32 do
  local member = string.sub(family, i, i + 31)
  if member ~= ARGV[6] then members = members .. member end
end
members = members .. ARGV[6]
local displaced = 1
if #members > 32 * tonumber(ARGV[7]) then
  displaced = string.sub(members, 1, 32)
  members = string.sub(members, 33)
end
redis.call('SET', KEYS[4], ARGV[5] .. members, 'KEEPTTL')
redis.call('PEXPIRE', KEYS[4], ARGV[2], 'GT')
return displaced
