-- Turning pancakes.
local function fannkuch(n)
  local p, q, s = {}, {}, {}
  for i = 1, n do
    p[i], q[i], s[i] = i, 0, i
  end
  local sign, most, sum = 1, 0, 0
  while true do
    local first = p[1]
    if first ~= 1 then
      for i = 2, n do q[i] = p[i] end
      local flips = 1
      while true do
        local next = q[first]
        if next == 1 then break end
        q[first] = first
        if first >= 4 then
          local i, j = 2, first - 1
          while i < j do
            q[i], q[j] = q[j], q[i]
            i = i + 1
            j = j - 1
          end
        end
        first = next
        flips = flips + 1
      end
      sum = sum + sign * flips
      if flips > most then most = flips end
    end
    if sign == 1 then
      p[1], p[2] = p[2], p[1]
      sign = -1
    else
      p[2], p[3] = p[3], p[2]
      sign = 1
      for i = 3, n do
        local sx = s[i]
        if sx ~= 1 then
          s[i] = sx - 1
          break
        end
        if i == n then
          print(sum)
          return most
        end
        s[i] = i
        local t = p[1]
        for j = 1, i do p[j] = p[j + 1] end
        p[i + 1] = t
      end
    end
  end
end

print(fannkuch(tonumber(arg[1]) or 7))
