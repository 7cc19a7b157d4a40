require("msys.core")
require("msys.extended.message")
local mod = {}
function mod:validate_data_spool_each_rcpt(msg, accept, vctx)
  if msg:rcptto() == "bo@rcpt.example" then
    vctx:set_code(550, "5.7.1 not for Bo")
    return msys.core.VALIDATE_DONE
  end
  if msg:rcptto() == "dee@rcpt.example" then
    vctx:set_code(450, "4.7.1 Dee is away")
    return msys.core.VALIDATE_DONE
  end
  msg:header("X-For", msg:rcptto())
  return msys.core.VALIDATE_CONT
end
msys.registerModule("refuse_one", mod)
