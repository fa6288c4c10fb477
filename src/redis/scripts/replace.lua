-- Replaces an override, if it is still the one that was read.
-- KEYS override. ARGV what was read (empty: nothing), what is to stand there.
-- Reply: 1 replaced, 0 another one stands there.
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
