-- Takes a key's lease, and tells what is stored and purged at that moment.
-- KEYS entry, lease, ledger, for a variant its family.
-- ARGV token, lease ms, epoch for a new ledger, cursor.
-- Reply: 1 granted, 0 held, or -<status> if the origin failed a moment ago; the entry or nil; the
-- ledger's members and scores from the cursor on; the family's generation. A family that is
-- missing begins anew: its members of old are dead.
local page = redis.call('ZRANGE', KEYS[3], ARGV[4], '+inf', 'BYSCORE', 'WITHSCORES')
if #page == 0 then
  page = redis.call('ZRANGE', KEYS[3], '-1', '-1', 'WITHSCORES')
  if #page == 0 then
    redis.call('ZADD', KEYS[3], '0', '~' .. ARGV[3])
    page = {'~' .. ARGV[3], '0'}
  end
end
local granted = 0
if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then
  granted = 1
else
  local holder = redis.call('GET', KEYS[2])
  if string.sub(holder, 1, 1) == '!' then granted = -tonumber(string.sub(holder, 2)) end
end
local family = ''
if KEYS[4] then
  redis.call('SET', KEYS[4], ARGV[1], 'NX', 'PX', ARGV[2])
  family = string.sub(redis.call('GET', KEYS[4]), 1, 16)
end
return {granted, redis.call('GET', KEYS[1]), page, family}
