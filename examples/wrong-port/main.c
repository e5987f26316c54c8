/* A server on port 9999, in an app whose fly.toml says 8080: the deploy has to say so. */
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
    static const char response[] = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n";
    int server = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(9999)};
    if (bind(server, (struct sockaddr *)&address, sizeof address) || listen(server, 16)) {
        perror("listen");
        return 1;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    puts("listening on port 9999");
    for (;;) {
        int client = accept(server, NULL, NULL);
        if (client < 0) continue;
        send(client, response, sizeof response - 1, MSG_NOSIGNAL);
        close(client);
    }
}
