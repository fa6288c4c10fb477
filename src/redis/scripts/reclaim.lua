-- Deletes entries that are still those that were judged, and keeps how far the sweep has come.
-- KEYS progress, entries... ARGV progress, its ms, then of each entry the numbers that tell it
-- from any other: 32 bits from the bits 32 and 232 on. Reply: how many were deleted.
local gone = 0
for i = 2, #KEYS do
  local now = redis.call('BITFIELD', KEYS[i], 'GET', 'u32', '32', 'GET', 'u32', '232')
  if now[1] == tonumber(ARGV[2 * i - 1]) and now[2] == tonumber(ARGV[2 * i]) then
    gone = gone + redis.call('UNLINK', KEYS[i])
  end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return gone
