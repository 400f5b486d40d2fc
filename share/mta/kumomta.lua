-- SPDX-License-Identifier: GPL-2.0-only
--
-- An example for KumoMTA, written by its manual and tried with Lua alone: asks spoolgate at MAIL. In /opt/kumomta/etc/policy/init.lua:
--
--   local spoolgate = dofile '/opt/kumomta/etc/policy/spoolgate.lua'
--   kumo.on('smtp_server_mail_from', spoolgate.mail_from)
--
-- KumoMTA's user has to be allowed to ask: state { group = "kumod" } in spoolgate.conf.
--
-- Lua there has no unix sockets, so this runs "spoolgate check", at most once a second for each
-- class: the size of a message, and the ramp of clients after a closure, are not seen. When
-- spoolgate is down, mail is accepted: that is --fail-open. timeout(1) is for one that hangs.
local kumo = require 'kumo'
local mod = {}

local COMMAND = 'timeout 2 spoolgate check --fail-open '
local INTERNAL = { '^127%.', '^%[::1%]' } -- patterns of ADDRESS:PORT

local function ask(class)
  local pipe = io.popen(COMMAND .. class, 'r')
  if not pipe then
    return 'accept'
  end
  local answer = pipe:read 'l'
  pipe:close()
  return answer or 'accept'
end

local cached = kumo.memoize(ask, {
  name = 'spoolgate',
  ttl = '1 second',
  capacity = 3,
})

-- Users who have logged in, then this host, then strangers.
local function class_of(conn_meta)
  if conn_meta:get_meta 'authn_id' then
    return 'submission'
  end
  local client = conn_meta:get_meta 'received_from' or ''
  for _, pattern in ipairs(INTERNAL) do
    if client:match(pattern) then
      return 'internal'
    end
  end
  return 'inbound'
end

function mod.mail_from(sender, conn_meta)
  local answer = cached(class_of(conn_meta))
  local code, text = answer:match '^defer (4%d%d) (.+)$'
  if code then
    kumo.reject(tonumber(code), text)
  end
  local seconds = answer:match '^delay (%d+)$'
  if seconds then
    kumo.sleep(tonumber(seconds))
  end
end

return mod
