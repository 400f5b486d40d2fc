// SPDX-License-Identifier: GPL-2.0-only
//
// An example for Haraka 3: asks spoolgate at MAIL.
//
//   1. Copy this file to plugins/spoolgate.js in Haraka's own directory.
//   2. Add a line "spoolgate" to config/plugins, before the rcpt plugins.
//   3. Let Haraka's user ask: state { group = "haraka" } in spoolgate.conf.
//
// When spoolgate is down, does not answer within two seconds, or says something unknown, mail is
// accepted, and Haraka's log says why.
'use strict';

const net = require('net');
const DSN = require('haraka-dsn');

const SOCKET = '/run/spoolgate/state.sock';
const TIMEOUT_MS = 2000;

exports.hook_mail = function (next, connection, params) {
  const size = sizeOf(params[1]);
  const question = `admission ${classOf(connection)} ${size} ${connection.remote.ip}\n`;

  ask(question, (error, answer) => {
    const [verdict, rest] = split(answer || '');

    if (error) connection.logwarn(this, `spoolgate: ${error.message}: accepting`);
    if (verdict === 'delay') return setTimeout(next, Number(rest) * 1000);
    if (verdict === 'defer') return next(DENYSOFT, reply(rest));
    next();
  });
};

// The client's own word: only a number may get into the question. -1: it did not say.
function sizeOf(parameters) {
  const size = parameters && parameters.SIZE;
  return /^\d{1,18}$/.test(size) ? size : -1;
}

// Users who have logged in, then this host, then strangers. (connection.relaying would also be
// true for networks: those are not users.)
function classOf(connection) {
  if (connection.notes.auth_user) return 'submission';
  return connection.remote.is_local ? 'internal' : 'inbound';
}

function split(answer) {
  const space = answer.indexOf(' ');
  return space < 0 ? [answer, ''] : [answer.slice(0, space), answer.slice(space + 1)];
}

// "452 4.3.1 Insufficient system resources", as Haraka wants it.
function reply(text) {
  const parts = /^(4\d\d) 4\.(\d+)\.(\d+) (.*)$/.exec(text);
  return parts ? DSN.create(parts[1], parts[4], parts[2], parts[3]) : text;
}

function ask(question, done) {
  const socket = net.createConnection(SOCKET);
  let answer = '';
  const finish = (error) => {
    clearTimeout(timer);
    socket.destroy();
    const call = done;
    done = () => {};
    call(error, answer.trim());
  };
  const timer = setTimeout(() => finish(new Error('no answer in time')), TIMEOUT_MS);

  socket.on('error', finish);
  socket.on('data', (data) => (answer += data));
  socket.on('end', () => finish(answer ? null : new Error('no answer')));
  socket.end(question);
}
