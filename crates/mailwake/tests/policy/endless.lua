require("msys.core")
local mod = {}
function mod:validate_mailfrom(str, accept, vctx)
  while true do pcall(function() while true do end end) end
end
msys.registerModule("endless", mod)
