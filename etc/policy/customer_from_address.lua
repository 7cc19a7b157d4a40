-- The customer of a connection, by the address that it comes from. Clients from elsewhere
-- are turned away.
require("msys.core")

local mod = {}

local customers = {
  ["127.0.0.1"] = "1",
  ["192.0.2.10"] = "42",
}

function mod:init()
  print("customers are known")
  return true
end

function mod:deinit()
  return true
end

function mod:validate_connect(accept, vctx)
  local address = accept.remote_addr:match("^%[?([%x%.:]-)%]?:%d+$")
  local customer = customers[address]
  if customer == nil then
    vctx:set_code(554, "5.7.1 no mail from your address")
    return msys.core.VALIDATE_DONE
  end
  vctx:set(msys.core.VCTX_CONN, "mo_customer_id", customer)
  return msys.core.VALIDATE_CONT
end

msys.registerModule("customer_from_address", mod)
