-- Closures, coroutines, strings, errors, metatables, collection.
print(_VERSION, arg[2])

local function counter(from)
  local n = from
  return function() n = n + 1; return n end
end
local a, b = counter(0), counter(10)
print(a(), a(), b(), a())

local function primes(limit)
  return coroutine.wrap(function()
    local composite = {}
    for n = 2, limit do
      if not composite[n] then
        coroutine.yield(n)
        for m = n * n, limit, n do composite[m] = true end
      end
    end
  end)
end
local list = {}
for p in primes(50) do list[#list + 1] = p end
print(table.concat(list, " "))

print(("The quick brown fox"):gsub("%w+", function(word) return word:reverse() end))
print(string.format("%5.2f|%-6s|%x|%q", math.pi, "left", 255, "a\nb"))
print(("key=value; other=thing"):match("(%w+)=(%w+); (%w+)=(%w+)"))
print(string.unpack("<i4", string.pack("<i4", -123456)), utf8.char(0x20ac), #utf8.char(0x1f525))

-- Errors leave by longjmp: through Lua functions, through C functions, and out of coroutines.
local function deep(n) if n == 0 then error({code = 42}) end return deep(n - 1) + 1 end
local ok, problem = pcall(deep, 100)
print(ok, type(problem), problem.code)
print(pcall(twice, "no number"))
print(select(2, pcall(string.rep, "x", -1)) == "", pcall(string.rep))
local routine = coroutine.create(function() local x = coroutine.yield(1); error("out of the coroutine " .. x, 0) end)
print(coroutine.resume(routine))
print(coroutine.resume(routine, "it"))
print(coroutine.status(routine))
print(xpcall(function() return nil + 1 end, function(message) return "handled: " .. message:match(":%d+: (.*)") end))

local Vector = {}
Vector.__index = Vector
Vector.__add = function(p, q) return setmetatable({x = p.x + q.x, y = p.y + q.y}, Vector) end
Vector.__tostring = function(v) return "(" .. v.x .. ", " .. v.y .. ")" end
Vector.__close = function() print("closed") end
do
  local v <close> = setmetatable({x = 1, y = 2}, Vector)
  print(tostring(v + v), 7 // 2, 7 % -3, 2 ^ 10, 1 << 62, math.maxinteger + 1 == math.mininteger)
end

local weak = setmetatable({}, {__mode = "k"})
for i = 1, 1000 do weak[{}] = i end
collectgarbage()
print(next(weak), collectgarbage("count") > 0)

local sum = 0
for i = 1, 200000 do sum = sum + (i % 7) * 3 end
print(sum, twice(21))
print(load("return 1 +")) 
os.exit(3, true)
