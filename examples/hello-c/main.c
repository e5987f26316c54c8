/* A web server that says where it runs: the guest's kernel, the machine's id, its region.
 *
 * One thread a connection, keep-alive, and an orderly end: on SIGINT or SIGTERM it takes no new
 * connection, answers what it is answering, and exits with 0. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define PORT 8080
/* A request's head must fit; bodies are not read. */
#define MAX_HEAD 8192
/* A connection that is silent for so long is closed (seconds). */
#define IDLE_TIMEOUT 75

static atomic_int stopping;
static atomic_int answering;

static const char *setting(const char *name, const char *fallback) {
    const char *value = getenv(name);
    return value && *value ? value : fallback;
}

static int body(char *out, size_t size, const char *path) {
    if (strcmp(path, "/health") == 0) return snprintf(out, size, "ok\n");
    struct utsname kernel;
    uname(&kernel);
    return snprintf(out, size,
                    "Hello from %s\nkernel: %s\nmachine: %s\nregion: %s\nversion: %s\npath: %s\n",
                    setting("FLY_APP_NAME", "nowhere"), kernel.release, setting("FLY_MACHINE_ID", "none"),
                    setting("FLY_REGION", "none"), setting("VERSION", "1"), path);
}

static int answer(int client, const char *head) {
    char path[256] = "/", text[1024], response[2048];
    sscanf(head, "%*15s %255s", path);
    int length = body(text, sizeof text, path);
    int close_after = stopping || strcasestr(head, "\r\nconnection: close") != NULL;
    int total = snprintf(response, sizeof response,
                         "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n"
                         "Connection: %s\r\n\r\n%s",
                         length, close_after ? "close" : "keep-alive", text);
    if (send(client, response, total, MSG_NOSIGNAL) != total) return -1;
    return close_after ? -1 : 0;
}

static void *serve(void *argument) {
    int client = (int)(long)argument;
    struct timeval limit = {.tv_sec = IDLE_TIMEOUT};
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    char head[MAX_HEAD + 1];
    size_t used = 0;
    for (;;) {
        head[used] = 0;
        char *end = strstr(head, "\r\n\r\n");
        if (end) {
            answering++;
            int failed = answer(client, head);
            answering--;
            if (failed) break;
            size_t taken = end + 4 - head;
            memmove(head, head + taken, used - taken);
            used -= taken;
            continue;
        }
        if (used == MAX_HEAD) break;
        ssize_t got = recv(client, head + used, MAX_HEAD - used, 0);
        if (got <= 0) break;
        used += got;
    }
    close(client);
    return NULL;
}

static void *wait_for_signal(void *argument) {
    int number;
    sigwait(argument, &number);
    printf("signal %d: finishing\n", number);
    stopping = 1;
    struct timespec moment = {.tv_nsec = 10 * 1000 * 1000};
    /* Requests that are on their way still get an answer. */
    for (int quiet = 0; quiet < 10; quiet = answering ? 0 : quiet + 1) nanosleep(&moment, NULL);
    exit(0);
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    static sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    pthread_t thread;
    pthread_create(&thread, NULL, wait_for_signal, &signals);

    /* One socket for IPv6 and IPv4. */
    int server = socket(AF_INET6, SOCK_STREAM, 0), on = 1, off = 0;
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(server, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
    if (bind(server, (struct sockaddr *)&address, sizeof address) || listen(server, 512)) {
        perror("listen");
        return 1;
    }
    printf("listening on port %d\n", PORT);
    pthread_attr_t detached;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&detached, 64 * 1024);
    for (;;) {
        int client = accept(server, NULL, NULL);
        if (client < 0) continue;
        if (pthread_create(&thread, &detached, serve, (void *)(long)client)) close(client);
    }
}
