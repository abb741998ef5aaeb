"""Receivers of notifications, on this host: HTTP and SMTP servers that keep what they are given."""
import email
import email.policy
import http.server
import json
import socketserver
import threading


class Webhook:
    """`answer`: the status that it answers with; "hang": nothing is answered."""

    def __init__(self):
        self.answer, self.requests = 200, []
        self.released = threading.Event()
        keeper = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                keeper.requests.append((self.path, dict(self.headers.items()), body))
                if keeper.answer == "hang":
                    keeper.released.wait(120)
                    return
                self.send_response(keeper.answer)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def documents(self, path):
        return [json.loads(body) for at, _, body in self.requests if at == path]

    def events(self, path):
        return [document["event"] for document in self.documents(path)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()


class Mailbox:
    """A mail server without TLS that takes everything."""

    def __init__(self):
        self.mails = []
        keeper = self

        class Handler(socketserver.StreamRequestHandler):
            def say(self, line):
                self.wfile.write(line.encode() + b"\r\n")

            def handle(self):
                self.say("220 test ESMTP")
                sender, receivers = None, []
                for line in iter(self.rfile.readline, b""):
                    word = line.strip().decode()
                    if word.upper().startswith("EHLO"):
                        self.say("250-test")
                        self.say("250 8BITMIME")
                    elif word.upper().startswith("MAIL FROM:"):
                        sender = word[10:].split(">")[0].strip(" <")
                        self.say("250 ok")
                    elif word.upper().startswith("RCPT TO:"):
                        receivers.append(word[8:].strip(" <>"))
                        self.say("250 ok")
                    elif word.upper() == "DATA":
                        self.say("354 go on")
                        text = b""
                        for part in iter(self.rfile.readline, b".\r\n"):
                            text += part[1:] if part.startswith(b"..") else part
                        keeper.mails.append((sender, receivers, email.message_from_bytes(text, policy=email.policy.default)))
                        self.say("250 taken")
                    elif word.upper() == "QUIT":
                        self.say("221 bye")
                        return
                    else:
                        self.say("250 ok")

        socketserver.ThreadingTCPServer.allow_reuse_address = True
        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"smtp://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
