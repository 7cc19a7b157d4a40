require("msys.core")
local mod = {}
function mod:validate_rcptto(msg, str, accept, vctx)
  vctx:disconnect(421, "4.7.0 good bye")
  return msys.core.VALIDATE_DONE
end
msys.registerModule("leave", mod)
