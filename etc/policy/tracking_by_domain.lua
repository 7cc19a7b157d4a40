-- Opens and clicks are tracked, or not, by the domain of the recipient. Each recipient of a
-- message has context variables of their own from here on.
require("msys.core")
require("msys.extended.message")

local mod = {}
local MESS = msys.core.ECMESS_CTX_MESS

-- Domains whose users want no pixels.
local no_opens = { ["private.example"] = true }
-- Domains in which nothing is tracked.
local nothing = { ["intranet.example"] = true }

function mod:validate_data_spool_each_rcpt(msg, accept, vctx)
  local domain = msg:routing_domain()
  if nothing[domain] or no_opens[domain] then
    msg:context_set(MESS, "smtpapi_open_tracking", "false")
  end
  if nothing[domain] then
    msg:context_set(MESS, "smtpapi_click_tracking", "false")
  end
  return msys.core.VALIDATE_CONT
end

msys.registerModule("tracking_by_domain", mod)
