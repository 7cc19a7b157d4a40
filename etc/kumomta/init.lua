-- mailwake in front of KumoMTA: parts of /opt/kumomta/etc/policy/init.lua. Written from
-- KumoMTA's documentation and not run with it. docs/recipes.md
local kumo = require 'kumo'

kumo.on('init', function()
  -- Where mailwake passes mail on. Programs send to mailwake, at 127.0.0.1:2525.
  kumo.start_esmtp_listener {
    listen = '127.0.0.1:2526',
    relay_hosts = { '127.0.0.1' },
  }

  -- The id of each copy stands in the log records, to join them with its events.
  kumo.configure_local_logs {
    log_dir = '/var/log/kumomta',
    meta = { 'x_sp_message_id' },
  }
end)

kumo.on('smtp_server_message_received', function(msg)
  msg:import_x_headers { 'x-sp-message-id' }
  -- DKIM signatures are made here, behind mailwake.
end)
