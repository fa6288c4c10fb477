-- Commits an entry, if its lease is still held and no purge came since the lease was granted.
-- KEYS entry, lease, ledger. ARGV token, entry ms, epoch, sequence, entry.
-- Reply: 1 stored, 0 lease lost, -1 another epoch, or the purges since with their sequences.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
local top = redis.call('ZRANGE', KEYS[3], '-1', '-1', 'WITHSCORES')
if #top == 0 or string.sub(top[1], 2) ~= ARGV[3] or tonumber(top[2]) < tonumber(ARGV[4]) then
  redis.call('DEL', KEYS[2])
  return -1
end
if tonumber(top[2]) > tonumber(ARGV[4]) then
  return redis.call('ZRANGE', KEYS[3], '(' .. ARGV[4], '+inf', 'BYSCORE', 'WITHSCORES')
end
redis.call('SET', KEYS[1], ARGV[5], 'PX', ARGV[2])
redis.call('DEL', KEYS[2])
return 1
