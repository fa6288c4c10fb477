-- Records purges under the ledger's next sequence.
-- KEYS ledger. ARGV epoch for a new ledger, most members, records...
-- Reply: epoch, sequence. What is trimmed off the old end raises the floor.
local top = redis.call('ZRANGE', KEYS[1], '-1', '-1', 'WITHSCORES')
-- Beyond 2^53 a score no longer grows by one: there another epoch starts, as if it were missing.
if #top == 0 or tonumber(top[2]) >= 9007199254740991 then
  redis.call('DEL', KEYS[1])
  top = {'~' .. ARGV[1], '0'}
end
local sequence = tonumber(top[2]) + 1
redis.call('ZADD', KEYS[1], sequence, top[1])
for i = 3, #ARGV do redis.call('ZADD', KEYS[1], sequence, ARGV[i]) end
local excess = redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[2])
if excess > 0 then
  local last = redis.call('ZRANGE', KEYS[1], excess - 1, excess - 1, 'WITHSCORES')
  redis.call('ZREMRANGEBYRANK', KEYS[1], '0', excess - 1)
  redis.call('ZADD', KEYS[1], last[2], '!')
end
return {string.sub(top[1], 2), sequence}
