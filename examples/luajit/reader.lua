-- Opens the array that a writer has made, in any language, and adds it up under the shared lock.
--
-- run: cd examples/luajit && LD_LIBRARY_PATH=../../target/release luajit reader.lua
local shm_array = require("shm_array")

local temperature = shm_array.open("temperature")
local celsius = temperature.elements
local sum = temperature:locked(shm_array.SHARED, 5, function()
    local sum = 0
    for i = 0, temperature.count - 1 do sum = sum + celsius[i] end
    return sum
end)
print(("%d x %d numbers, mean %.1f"):format(temperature.shape[1], temperature.shape[2], sum / temperature.count))
temperature:close()
