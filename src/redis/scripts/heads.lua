-- Reads how entries begin.
-- KEYS entries... ARGV last byte. Reply: the beginning and the length of each, in turn.
local heads = {}
for i = 1, #KEYS do
  heads[2 * i - 1] = redis.call('GETRANGE', KEYS[i], '0', ARGV[1])
  heads[2 * i] = redis.call('STRLEN', KEYS[i])
end
return heads
