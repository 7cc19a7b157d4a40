-- The campaign, tags and metadata of a message, from header fields of its sender, which
-- are taken out again.
require("msys.core")
require("msys.extended.message")

local mod = {}
local MESS = msys.core.ECMESS_CTX_MESS

function mod:validate_data_spool_each_rcpt(msg, accept, vctx)
  local campaign = msg:header("X-Campaign")[1]
  if campaign ~= nil then
    msg:context_set(MESS, "smtpapi_campaign_id", campaign)
    msg:header("X-Campaign", "")
  end
  local tags = {}
  for _, tag in ipairs(msg:header("X-Tag")) do
    tags[#tags + 1] = '"' .. tag:gsub('[\\"]', "\\%0") .. '"'
  end
  if #tags > 0 then
    msg:context_set(MESS, "smtpapi_tags", "[" .. table.concat(tags, ",") .. "]")
    msg:header("X-Tag", "")
  end
  return msys.core.VALIDATE_CONT
end

msys.registerModule("campaign_from_header", mod)
