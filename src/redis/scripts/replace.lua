-- Replaces a text, if it is still the one that was read.
-- KEYS text. ARGV what was read (empty: nothing), what is to stand there, for how many milliseconds
-- (0: for good).
-- Reply: 1 replaced, 0 another one stands there.
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
if tonumber(ARGV[3]) > 0 then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
else
  redis.call('SET', KEYS[1], ARGV[2])
end
return 1
