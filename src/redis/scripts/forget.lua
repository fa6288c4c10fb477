-- Forgets a URL that was changed: its entry, its variants and the fills on their way.
-- KEYS entry, lease, family, change.
-- ARGV token, ms for which the change is remembered, lease ms or 0.
-- Reply: 1 if the caller has the lease now, so that it may store what came of the change. It is
-- not given where another change is remembered: the two may have overtaken each other.
local before = redis.call('EXISTS', KEYS[4])
redis.call('SET', KEYS[4], ARGV[1], 'PX', ARGV[2])
redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3])
if before == 1 or ARGV[3] == '0' then return 0 end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[3])
return 1
