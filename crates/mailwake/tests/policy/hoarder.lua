require("msys.core")
local mod = {}
function mod:validate_data(msg, accept, vctx)
  local hoard = {}
  while true do hoard[#hoard + 1] = ("x"):rep(100000) .. #hoard end
end
msys.registerModule("hoarder", mod)
