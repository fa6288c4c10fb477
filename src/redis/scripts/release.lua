-- Gives a lease back, at once or, after the origin has failed, after a pause.
-- KEYS lease. ARGV token, pause ms (0: none), status of the failure. Reply: 1 if it was held.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then return redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[1], '!' .. ARGV[3], 'PX', ARGV[2])
return 1
