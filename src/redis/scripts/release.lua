-- Gives a lease back, at once or after a pause.
-- KEYS lease. ARGV token, pause ms (0: none). Reply: 1 if it was held.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then return redis.call('DEL', KEYS[1]) end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
