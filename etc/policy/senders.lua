-- Who may send: a client must name itself with a domain, and senders are known by theirs.
require("msys.core")

local mod = {}

local senders = { ["sender.example"] = true, ["news.example"] = true }

function mod:validate_ehlo(str, accept, vctx)
  if not str:find(".", 1, true) then
    vctx:set_code(550, "5.7.1 say EHLO with the name of your host")
    return msys.core.VALIDATE_DONE
  end
  return msys.core.VALIDATE_CONT
end

function mod:validate_mailfrom(str, accept, vctx)
  local domain = str:match("@([^@]+)$")
  -- The null reverse-path is that of bounces, which anybody may send.
  if str ~= "" and not senders[(domain or ""):lower()] then
    vctx:set_code(550, "5.7.1 sender is not known here")
    return msys.core.VALIDATE_DONE
  end
  vctx:set(msys.core.VCTX_MESS, "sender_domain", domain or "")
  return msys.core.VALIDATE_CONT
end

msys.registerModule("senders", mod)
