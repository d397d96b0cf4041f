-- Allocation: trees that come and go.
local function make(depth)
  if depth == 0 then return {} end
  return { left = make(depth - 1), right = make(depth - 1) }
end

local function count(tree)
  if not tree then return 0 end
  return 1 + count(tree.left) + count(tree.right)
end

local most = tonumber(arg[1]) or 10
print("stretch " .. count(make(most + 1)))
local long = make(most)
for depth = 4, most, 2 do
  local times = 2 ^ (most - depth + 4)
  local total = 0
  for _ = 1, times do total = total + count(make(depth)) end
  print(string.format("%d trees of depth %d: %d", times, depth, total))
end
print("long lived " .. count(long))
