-- Starts another epoch, if the ledger is missing, has lost what the caller saw, or has something
-- else than its epoch on top: nobody of ours has written that.
-- KEYS ledger. ARGV epoch for a new ledger, epoch seen, sequence seen.
-- Reply: the whole ledger, members and scores.
local top = redis.call('ZRANGE', KEYS[1], '-1', '-1', 'WITHSCORES')
if #top == 0 or string.sub(top[1], 1, 1) ~= '~' or #top[1] ~= 17
  or (string.sub(top[1], 2) == ARGV[2] and tonumber(top[2]) < tonumber(ARGV[3])) then
  redis.call('DEL', KEYS[1])
  redis.call('ZADD', KEYS[1], '0', '~' .. ARGV[1])
end
return redis.call('ZRANGE', KEYS[1], '0', '-1', 'WITHSCORES')
