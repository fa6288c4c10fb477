-- Forgets a URL that was changed: its entry, its variants and the fills on their way.
-- KEYS entry, lease, family, change, ledger, the family of what answers several queries.
-- ARGV token, ms for which the change is remembered, lease ms or 0, the ledger's members for it.
-- Reply: 1 if the caller has the lease now, so that it may store what came of the change. It is
-- not given where another change is remembered: the two may have overtaken each other.
local before = redis.call('EXISTS', KEYS[4])
redis.call('SET', KEYS[4], ARGV[1], 'PX', ARGV[2])
redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3], KEYS[6])
-- Copies in isolates and data centres learn of it with the purges. Where the ledger is missing, is
-- full or has something else on top, another epoch begins, and they are dead anyway.
local top = redis.call('ZRANGE', KEYS[5], '-1', '-1', 'WITHSCORES')
if #top > 0 and (tonumber(top[2]) >= 9007199254740991
  or string.sub(top[1], 1, 1) ~= '~' or #top[1] ~= 17) then
  redis.call('DEL', KEYS[5])
elseif #top > 0 then
  local sequence = tonumber(top[2]) + 1
  redis.call('ZADD', KEYS[5], sequence, top[1], sequence, ARGV[4], sequence, ARGV[5])
end
if before == 1 or ARGV[3] == '0' then return 0 end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[3])
return 1
