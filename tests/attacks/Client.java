import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;

/** Sends requests with Java's own client as it comes: URL, then for each method, body and the four credentials. */
class Client {
    private static final String[] CREDENTIALS = {"X-API-Key", "X-Timestamp", "X-Signature", "X-Window"};

    public static void main(String[] arguments) throws Exception {
        for (int at = 1; at < arguments.length; at += 6) {
            var request = HttpRequest.newBuilder(URI.create(arguments[0]))
                .method(arguments[at], HttpRequest.BodyPublishers.ofString(arguments[at + 1]));
            for (int header = 0; header < CREDENTIALS.length; header++) {
                request.header(CREDENTIALS[header], arguments[at + 2 + header]);
            }
            // A client of its own for each: the offer comes with the first request of a connection.
            var answer = HttpClient.newHttpClient().send(request.build(), BodyHandlers.ofString());
            System.out.println(answer.statusCode());
        }
    }
}
