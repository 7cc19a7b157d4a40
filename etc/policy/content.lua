-- Messages are looked at when they are whole: a message needs a sender that its readers
-- see, internal fields go, and the policy that let it pass is noted.
require("msys.core")
require("msys.extended.message")

local mod = {}

function mod:validate_data(msg, accept, vctx)
  local from = msg:address_header("From", "domain")
  if #from ~= 1 then
    vctx:set_code(550, "5.7.1 a message needs one From\nwith one address")
    return msys.core.VALIDATE_DONE
  end
  vctx:set(msys.core.VCTX_MESS, "from_domain", from[1])
  return msys.core.VALIDATE_CONT
end

function mod:validate_data_spool(msg, accept, vctx)
  if (msg:header("Subject")[1] or ""):find("^DRAFT") then
    vctx:set_code(451, "4.7.1 drafts are not sent yet")
    return msys.core.VALIDATE_DONE
  end
  msg:header("X-Internal", "")
  msg:header("X-Policy", "passed for " .. vctx:get(msys.core.VCTX_MESS, "from_domain"))
  return msys.core.VALIDATE_CONT
end

msys.registerModule("content", mod)
