// Records each request as it reads it, then answers with the same: node server.js ADDRESS PORT FILE
'use strict';
const fs = require('fs');
const http = require('http');
const [address, port, file] = process.argv.slice(2);

http.createServer((request, response) => {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => {
    const seen = { method: request.method, target: request.url, body: Buffer.concat(pieces).toString('latin1') };
    const line = JSON.stringify(seen);
    fs.appendFileSync(file, line + '\n');
    response.end(line);
  });
}).listen(Number(port), address);
