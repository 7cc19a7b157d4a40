require("msys.core")
local mod = {}
function mod:validate_data_spool_each_rcpt(msg, accept, vctx)
  vctx:disconnect(554, "5.7.1 good bye")
  return msys.core.VALIDATE_DONE
end
msys.registerModule("leave_at_copy", mod)
