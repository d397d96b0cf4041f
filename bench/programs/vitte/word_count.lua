-- Words are counted in a map.
local rshift = bit.rshift
local words = { "map", "array", "string", "struct", "enum", "match", "loop", "call", "let", "const" }
local counts, order = {}, {}
local seed = 42
for _ = 1, tonumber(arg[1]) or 20000 do
  seed = seed * 16807 % 2147483647
  local word = words[rshift(seed, 16) % #words + 1] .. rshift(seed, 12) % 7
  local count = counts[word]
  if not count then order[#order + 1] = word end
  counts[word] = (count or 0) + 1
end
print(#order)
local best, most = "", 0
for _, word in ipairs(order) do
  local count = counts[word]
  if count > most or count == most and word < best then
    best = word
    most = count
  end
end
print(string.format("%s %d", best, most))
