-- Records purges under the ledger's next sequence.
-- KEYS ledger, for a purger with a limit what it has spent: a key that lives until all is free.
-- ARGV epoch for a new ledger, most members, ms after which one more new record is free, ms after
-- which all are, records...
-- Reply: epoch, sequence, how many records are new. What is trimmed off the old end raises the
-- floor. Where all is spent, nothing is recorded and the reply is the ms until something is free.
local spent = 0
if KEYS[2] then
  spent = redis.call('PTTL', KEYS[2])
  if spent < 0 then spent = 0 end
  if spent >= tonumber(ARGV[4]) then return spent - tonumber(ARGV[4]) + tonumber(ARGV[3]) end
end
local top = redis.call('ZRANGE', KEYS[1], '-1', '-1', 'WITHSCORES')
-- Beyond 2^53 a score no longer grows by one: there another epoch starts, as if it were missing.
-- So it does where something else than the epoch is on top: nobody of ours has written that.
if #top == 0 or tonumber(top[2]) >= 9007199254740991
  or string.sub(top[1], 1, 1) ~= '~' or #top[1] ~= 17 then
  redis.call('DEL', KEYS[1])
  top = {'~' .. ARGV[1], '0'}
end
local sequence = tonumber(top[2]) + 1
redis.call('ZADD', KEYS[1], sequence, top[1])
local new = 0
for i = 5, #ARGV do new = new + redis.call('ZADD', KEYS[1], sequence, ARGV[i]) end
local excess = redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[2])
if excess > 0 then
  local last = redis.call('ZRANGE', KEYS[1], excess - 1, excess - 1, 'WITHSCORES')
  redis.call('ZREMRANGEBYRANK', KEYS[1], '0', excess - 1)
  redis.call('ZADD', KEYS[1], last[2], '!')
end
if KEYS[2] then
  local cost = new
  if cost == 0 then cost = 1 end
  redis.call('SET', KEYS[2], '1', 'PX', spent + cost * tonumber(ARGV[3]))
end
return {string.sub(top[1], 2), sequence, new}
