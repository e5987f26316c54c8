// A web server for tests: small, static, quick to start under emulation.
//
// GET /            {"version","kernel","machine","pid"} as JSON
// GET /env?NAME    the variable's value
// GET /slow?MS     answers after MS milliseconds
// GET /exit?CODE   answers, then exits
// GET /log?N       writes N numbered lines to stdout, answers
// GET /fill?MB     writes MB megabytes to /data.bin, answers with the result
// GET /append?TEXT adds a line to /data/lines and flushes it, answers
// GET /lines       the lines
// GET /scribble    from now on writes to /data/scribble without end, answers
// GET /token?AUD   asks the platform's API, through the machine's socket, for a token for AUD; its answer
// GET /hold        begins a call of the API and leaves it open; says in the log when it is closed
// POST /echo       the request's body
//
// With arguments it serves nothing: `say TEXT` prints the text, `exit CODE` exits, `fetch HOST PORT PATH` prints what
// a server answers to a GET, or why there is none.
//
// PORT (8080), LISTEN (0.0.0.0), VERSION, START_DELAY_MS, CRASH (exit code after one line on stderr).
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static const char *env(const char *name, const char *fallback) {
  const char *value = getenv(name);
  return value && *value ? value : fallback;
}

static int send_all(int fd, const char *data, size_t len) {
  while (len) {
    ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
    if (n <= 0) return -1;
    data += n, len -= (size_t)n;
  }
  return 0;
}

static int answer(int fd, const char *status, const char *body, size_t len) {
  char head[256];
  int n = snprintf(head, sizeof head,
                   "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n", status, len);
  return send_all(fd, head, (size_t)n) || send_all(fd, body, len) ? -1 : 0;
}

static int answer_text(int fd, const char *format, ...) {
  char body[2048];
  va_list args;
  va_start(args, format);
  int n = vsnprintf(body, sizeof body, format, args);
  va_end(args);
  return answer(fd, "200 OK", body, (size_t)n);
}

static int fill(int fd, long megabytes) {
  static char block[1 << 20];
  int out = open("/data.bin", O_WRONLY | O_CREAT | O_TRUNC, 0644);
  for (long left = megabytes << 20; left > 0;) {
    ssize_t n = write(out, block, left < (long)sizeof block ? (size_t)left : sizeof block);
    if (n < 0) {
      int error = errno;
      close(out);
      unlink("/data.bin");
      return answer_text(fd, "failed after %ld MB: %s\n", megabytes - (left >> 20), strerror(error));
    }
    left -= n;
  }
  fsync(out);
  close(out);
  return answer_text(fd, "wrote %ld MB\n", megabytes);
}

static void *tick(void *ms) {
  usleep((useconds_t)(long)ms * 1000);
  printf("timer\n");
  return NULL;
}

// What a suspended machine must not lose: memory, files that are not the image's, timers; and what it must not keep.
static int state(int fd, const char *path, const char *query) {
  static long count;
  if (!strcmp(path, "/count")) return answer_text(fd, "%ld", ++count);
  if (!strcmp(path, "/clock")) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return answer_text(fd, "%lld", (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000);
  }
  if (!strcmp(path, "/timer")) {
    pthread_t thread;
    if (!pthread_create(&thread, NULL, tick, (void *)atol(query ? query : "0"))) pthread_detach(thread);
    return answer_text(fd, "set");
  }
  if (!strcmp(path, "/write")) {
    int file = open("/tmp/kept", O_WRONLY | O_CREAT | O_TRUNC, 0644);
    ssize_t written = query ? write(file, query, strlen(query)) : 0;
    close(file);
    return answer_text(fd, "%zd", written);
  }
  if (!strcmp(path, "/read")) {
    char text[256] = "";
    int file = open("/tmp/kept", O_RDONLY);
    if (file < 0 || read(file, text, sizeof text - 1) < 0) return answer_text(fd, "%s", strerror(errno));
    close(file);
    return answer_text(fd, "%s", text);
  }
  return answer(fd, "404 Not Found", "no such path\n", 13);
}

static int append(int fd, const char *text) {
  int out = open("/data/lines", O_WRONLY | O_CREAT | O_APPEND, 0644);
  if (out < 0) return answer_text(fd, "failed: %s\n", strerror(errno));
  dprintf(out, "%s\n", text);
  int flushed = fsync(out);
  close(out);
  return answer_text(fd, flushed ? "failed: %s\n" : "ok\n", strerror(errno));
}

static int file(int fd, const char *path) {
  static char text[1 << 16];
  int in = open(path, O_RDONLY);
  ssize_t n = in < 0 ? 0 : read(in, text, sizeof text);
  if (in >= 0) close(in);
  return answer(fd, "200 OK", text, n < 0 ? 0 : (size_t)n);
}

static void *scribble(void *unused) {
  (void)unused;
  static char block[8192];
  char name[64];
  for (unsigned n = 0;; n++) {
    snprintf(name, sizeof name, "/data/scribble-%u", n % 64);
    int out = open(name, O_WRONLY | O_CREAT | (n % 128 < 64 ? O_TRUNC : O_APPEND), 0644);
    memset(block, (int)(n % 255) + 1, sizeof block);
    if (out < 0 || write(out, block, sizeof block) < 0) usleep(1000);
    if (out >= 0) close(out);
    if (n % 50 == 0) unlink(name);
  }
  return NULL;
}

// The beginning of a call of the platform's API, as this machine.
static int call_api(const char *body, size_t length) {
  int api = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/.fly/api"};
  if (connect(api, (struct sockaddr *)&address, sizeof address)) return close(api), -1;
  char head[256];
  int n = snprintf(head, sizeof head,
                   "POST /v1/tokens/oidc HTTP/1.1\r\nHost: api\r\nConnection: close\r\n"
                   "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n", length);
  if (send_all(api, head, (size_t)n) || send_all(api, body, strlen(body))) return close(api), -1;
  return api;
}

static int token(int fd, const char *audience) {
  char body[600], text[8192];
  size_t have = 0;
  ssize_t n;
  int length = snprintf(body, sizeof body, "{\"aud\":\"%s\"}", audience);
  int api = call_api(body, (size_t)length);
  if (api < 0) return answer_text(fd, "failed: %s\n", strerror(errno));
  shutdown(api, SHUT_WR);
  while (have < sizeof text && (n = read(api, text + have, sizeof text - have)) > 0) have += (size_t)n;
  close(api);
  return answer(fd, "200 OK", text, have);
}

static void *await_end(void *api) {
  char text[256];
  while (read((int)(long)api, text, sizeof text) > 0);
  close((int)(long)api);
  printf("api closed\n");
  return NULL;
}

static int hold(int fd) {
  pthread_t thread;
  int api = call_api("{", 9);
  if (api < 0) return answer_text(fd, "failed: %s\n", strerror(errno));
  if (pthread_create(&thread, NULL, await_end, (void *)(long)api)) return answer_text(fd, "failed\n");
  pthread_detach(thread);
  return answer_text(fd, "held\n");
}

static int handle(int fd, const char *path, const char *query, const char *body, size_t len) {
  long number = query ? atol(query) : 0;
  if (!strcmp(path, "/append")) return append(fd, query ? query : "");
  if (!strcmp(path, "/lines")) return file(fd, "/data/lines");
  if (!strcmp(path, "/file")) return file(fd, query ? query : "");
  if (!strcmp(path, "/token")) return token(fd, query ? query : "");
  if (!strcmp(path, "/hold")) return hold(fd);
  if (!strcmp(path, "/scribble")) {
    pthread_t writer;
    return answer_text(fd, pthread_create(&writer, NULL, scribble, NULL) ? "failed\n" : "ok\n");
  }
  if (!strcmp(path, "/")) {
    struct utsname system;
    uname(&system);
    return answer_text(fd, "{\"version\":\"%s\",\"kernel\":\"%s\",\"machine\":\"%s\",\"pid\":%d}\n",
                       env("VERSION", ""), system.release, env("FLY_MACHINE_ID", ""), getpid());
  }
  if (!strcmp(path, "/env")) return answer_text(fd, "%s", env(query ? query : "", ""));
  if (!strcmp(path, "/slow")) {
    usleep((useconds_t)number * 1000);
    return answer_text(fd, "slept %ld ms\n", number);
  }
  if (!strcmp(path, "/exit")) {
    answer_text(fd, "exiting with %ld\n", number);
    fprintf(stderr, "asked to exit with %ld\n", number);
    exit((int)number);
  }
  if (!strcmp(path, "/log")) {
    for (long i = 1; i <= number; i++) printf("line %ld\n", i);
    return answer_text(fd, "logged %ld\n", number);
  }
  if (!strcmp(path, "/fill")) return fill(fd, number);
  if (!strcmp(path, "/echo")) return answer(fd, "200 OK", body, len);
  return state(fd, path, query);
}

// One request from `buffer`; returns bytes used, 0 for "need more", -1 to close.
static ssize_t one_request(int fd, char *buffer, size_t have) {
  char *end = memmem(buffer, have, "\r\n\r\n", 4);
  if (!end) return 0;
  size_t head = (size_t)(end - buffer) + 4, length = 0;
  char saved = buffer[head - 1];
  buffer[head - 1] = 0;
  char *header = strcasestr(buffer, "\ncontent-length:");
  if (header) length = strtoul(header + 16, NULL, 10);
  int last = strcasestr(buffer, "\nconnection: close") != NULL;
  buffer[head - 1] = saved;
  if (have < head + length) return 0;
  char method[16], target[1024];
  if (sscanf(buffer, "%15s %1023s", method, target) != 2) return -1;
  char *query = strchr(target, '?');
  if (query) *query++ = 0;
  if (handle(fd, target, query, buffer + head, length) || last) return -1;
  return (ssize_t)(head + length);
}

static void *connection(void *argument) {
  int fd = (int)(long)argument;
  size_t capacity = 1 << 20, have = 0;
  char *buffer = malloc(capacity + 1);
  for (;;) {
    ssize_t n = recv(fd, buffer + have, capacity - have, 0);
    if (n <= 0) break;
    have += (size_t)n;
    ssize_t used;
    while ((used = one_request(fd, buffer, have)) > 0) {
      have -= (size_t)used;
      memmove(buffer, buffer + used, have);
    }
    if (used < 0 || have == capacity) break;
  }
  close(fd);
  free(buffer);
  return NULL;
}

static void stop(int signal) {
  static const char message[] = "stopping\n";
  (void)signal;
  (void)!write(1, message, sizeof message - 1);
  _exit(0);
}

static int fetch(const char *host, const char *port, const char *path) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
  int failed = getaddrinfo(host, port, &hints, &found);
  if (failed) return printf("no address: %s\n", gai_strerror(failed)), 1;
  int fd = socket(found->ai_family, SOCK_STREAM, 0);
  struct timeval limit = {.tv_sec = 60};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  // So is the time to connect limited.
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (connect(fd, found->ai_addr, found->ai_addrlen)) return printf("not connected: %s\n", strerror(errno)), 1;
  char text[4096];
  int n = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path, host);
  if (send_all(fd, text, (size_t)n)) return printf("not sent: %s\n", strerror(errno)), 1;
  ssize_t got;
  while ((got = recv(fd, text, sizeof text, 0)) > 0) fwrite(text, 1, (size_t)got, stdout);
  return got < 0 ? (printf("not answered: %s\n", strerror(errno)), 1) : 0;
}

static int command(char **argv) {
  if (!strcmp(argv[1], "fetch") && argv[2] && argv[3] && argv[4]) return fetch(argv[2], argv[3], argv[4]);
  if (!strcmp(argv[1], "say") && argv[2]) return puts(argv[2]) < 0;
  if (!strcmp(argv[1], "exit") && argv[2]) return atoi(argv[2]);
  fprintf(stderr, "unknown command\n");
  return 2;
}

int main(int argc, char **argv) {
  if (argc > 1) return command(argv);
  setvbuf(stdout, NULL, _IOLBF, 0);
  signal(SIGINT, stop);
  signal(SIGTERM, stop);
  signal(SIGPIPE, SIG_IGN);
  const char *crash = getenv("CRASH");
  if (crash && *crash) {
    fprintf(stderr, "cannot start: the test said so\n");
    return atoi(crash);
  }
  usleep((useconds_t)atol(env("START_DELAY_MS", "0")) * 1000);
  int port = atoi(env("PORT", "8080")), listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  inet_pton(AF_INET, env("LISTEN", "0.0.0.0"), &address.sin_addr);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024)) {
    perror("listen");
    return 1;
  }
  printf("listening on %s:%d\n", env("LISTEN", "0.0.0.0"), port);
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&small, 64 << 10);
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) continue;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    pthread_t thread;
    if (pthread_create(&thread, &small, connection, (void *)(long)fd)) close(fd);
  }
}
