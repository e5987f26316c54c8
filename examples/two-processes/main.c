/* One image, two process groups: `app web` answers requests, `app worker` works in the background.
 * Each says in its log and in its answers which group it belongs to. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PORT 8080

static const char *group(void) {
    const char *name = getenv("FLY_PROCESS_GROUP");
    return name ? name : "none";
}

static void finish(int number) {
    (void)number;
    _exit(0);
}

static int web(void) {
    int server = socket(AF_INET6, SOCK_STREAM, 0), on = 1, off = 0;
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(server, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
    if (bind(server, (struct sockaddr *)&address, sizeof address) || listen(server, 128)) {
        perror("listen");
        return 1;
    }
    printf("%s: listening on port %d\n", group(), PORT);
    struct timeval limit = {.tv_sec = 5};
    for (;;) {
        int client = accept(server, NULL, NULL);
        if (client < 0) continue;
        char request[4096], text[128], response[512];
        setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        if (recv(client, request, sizeof request, 0) > 0) {
            int length = snprintf(text, sizeof text, "group: %s\n", group());
            int total = snprintf(response, sizeof response,
                                 "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", length,
                                 text);
            send(client, response, total, MSG_NOSIGNAL);
        }
        shutdown(client, SHUT_WR);
        close(client);
    }
}

static _Noreturn void worker(void) {
    for (unsigned long round = 1;; round++) {
        printf("%s: round %lu\n", group(), round);
        sleep(1);
    }
}

int main(int count, char **words) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGINT, finish);
    signal(SIGTERM, finish);
    const char *role = count > 1 ? words[1] : "";
    if (strcmp(role, "web") == 0) return web();
    if (strcmp(role, "worker") == 0) worker();
    fprintf(stderr, "usage: app web | worker\n");
    return 2;
}
