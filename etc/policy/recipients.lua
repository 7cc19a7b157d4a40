-- Recipients who want no mail are refused, one by one; some get theirs elsewhere.
require("msys.core")
require("msys.extended.message")

local mod = {}

local refused = { ["gone@rcpt.example"] = true }
local moved = { ["old@rcpt.example"] = "new@rcpt.example" }

function mod:validate_rcptto(msg, str, accept, vctx)
  if refused[str:lower()] then
    vctx:set_code(550, "5.1.1 recipient wants no mail")
    return msys.core.VALIDATE_DONE
  end
  return msys.core.VALIDATE_CONT
end

-- The envelope of a copy can be changed in this phase alone.
function mod:validate_data_spool_each_rcpt(msg, accept, vctx)
  local other = moved[msg:rcptto():lower()]
  if other ~= nil then
    msg:rcptto(other)
    -- Bounces tell who it was sent to.
    local user, domain = msg:mailfrom():match("^([^@]+)@(.+)$")
    if user ~= nil then
      msg:mailfrom(user .. "+moved@" .. domain)
    end
  end
  return msys.core.VALIDATE_CONT
end

msys.registerModule("recipients", mod)
