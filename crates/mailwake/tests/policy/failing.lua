require("msys.core")
local mod = {}
function mod:validate_data_spool_each_rcpt(msg, accept, vctx)
  return msg:no_such_method()
end
msys.registerModule("failing", mod)
