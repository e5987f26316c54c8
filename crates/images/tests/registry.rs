//! The registry keeps to the distribution specification, and to its own promises.

mod support;

use std::{collections::HashSet, sync::Arc, time::Duration};

use reqwest::{Client, Method, Response, StatusCode};
use roost_images::Digest;
use serde_json::{Value, json};
use support::{
    layout::MANIFEST,
    server::{Everybody, Server, Users},
};

/// A registry and someone who speaks to it in plain HTTP.
struct Fixture {
    server: Server,
    http: Client,
    dir: tempfile::TempDir,
}

impl Fixture {
    async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        Self { server: Server::start(dir.path(), Everybody).await, http: Client::new(), dir }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.address)
    }

    async fn send(&self, method: Method, path: &str, body: impl Into<reqwest::Body>) -> Response {
        self.http.request(method, self.url(path)).body(body).send().await.unwrap()
    }

    async fn get(&self, path: &str) -> Response {
        self.send(Method::GET, path, "").await
    }

    async fn push_blob(&self, repository: &str, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
        assert_eq!(self.send(Method::POST, &path, bytes.to_vec()).await.status(), StatusCode::CREATED);
        digest
    }

    async fn push_manifest(&self, repository: &str, reference: &str, manifest: &Value) -> Response {
        let request = self.http.put(self.url(&format!("/v2/{repository}/manifests/{reference}")));
        let request = request.header("content-type", MANIFEST);
        request.body(serde_json::to_vec(manifest).unwrap()).send().await.unwrap()
    }

    /// An image of one blob under a tag; the digests of manifest and blob.
    async fn push_image(&self, repository: &str, tag: &str, content: &[u8]) -> (String, Digest) {
        let blob = self.push_blob(repository, content).await;
        let response = self.push_manifest(repository, tag, &manifest(blob, content.len())).await;
        assert_eq!(response.status(), StatusCode::CREATED);
        (header(&response, "docker-content-digest"), blob)
    }
}

fn manifest(blob: Digest, size: usize) -> Value {
    let descriptor = json!({"mediaType": "application/octet-stream", "digest": blob, "size": size});
    json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor, "layers": [descriptor]})
}

fn header(response: &Response, name: &str) -> String {
    response.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

async fn code(response: Response) -> String {
    let body: Value = response.json().await.unwrap();
    body["errors"][0]["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_chunked_upload_goes_on_where_it_was() {
    let it = Fixture::new().await;
    let begun = it.send(Method::POST, "/v2/app/blobs/uploads/", "").await;
    assert_eq!(begun.status(), StatusCode::ACCEPTED);
    let place = header(&begun, "location");
    let patch = async |range: &str, body: &'static str| {
        let request = it.http.patch(it.url(&place)).header("content-range", range);
        request.body(body).send().await.unwrap()
    };
    let first = patch("0-4", "hello").await;
    assert_eq!((first.status(), &*header(&first, "range")), (StatusCode::ACCEPTED, "0-4"));
    let wrong = patch("3-7", "xxxxx").await;
    assert_eq!((wrong.status(), &*header(&wrong, "range")), (StatusCode::RANGE_NOT_SATISFIABLE, "0-4"));
    assert_eq!(patch("5-10", " world").await.status(), StatusCode::ACCEPTED);
    let status = it.get(&place).await;
    assert_eq!((status.status(), &*header(&status, "range")), (StatusCode::NO_CONTENT, "0-10"));

    // The upload survives the process: another server on the same folder goes on with it.
    let it = Fixture { server: Server::start(it.dir.path(), Everybody).await, ..it };
    let digest = Digest::of(b"hello world!");
    let done = it.send(Method::PUT, &format!("{place}?digest={digest}"), "!").await;
    assert_eq!(done.status(), StatusCode::CREATED);
    assert_eq!(it.get(&header(&done, "location")).await.text().await.unwrap(), "hello world!");
    assert_eq!(code(it.get(&place).await).await, "BLOB_UPLOAD_UNKNOWN");
}

#[tokio::test]
async fn a_wrong_digest_and_a_cancelled_upload_leave_no_blob() {
    let it = Fixture::new().await;
    let wrong = Digest::of(b"something else");
    let path = format!("/v2/app/blobs/uploads/?digest={wrong}");
    assert_eq!(code(it.send(Method::POST, &path, "bytes").await).await, "DIGEST_INVALID");
    let place = header(&it.send(Method::POST, "/v2/app/blobs/uploads/", "").await, "location");
    assert_eq!(it.send(Method::DELETE, &place, "").await.status(), StatusCode::NO_CONTENT);
    assert_eq!(it.get(&place).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(it.server.store.usage().await.unwrap().blobs, 0);
}

#[tokio::test]
async fn a_blob_is_seen_only_where_it_was_pushed_or_mounted() {
    let it = Fixture::new().await;
    let blob = it.push_blob("app/a", b"0123456789").await;
    let elsewhere = format!("/v2/app/b/blobs/{blob}");
    assert_eq!(code(it.get(&elsewhere).await).await, "BLOB_UNKNOWN");
    let mount = format!("/v2/app/b/blobs/uploads/?mount={blob}&from=app/a");
    assert_eq!(it.send(Method::POST, &mount, "").await.status(), StatusCode::CREATED);
    assert_eq!(it.get(&elsewhere).await.status(), StatusCode::OK);
    let not_there = format!("/v2/app/b/blobs/uploads/?mount={}&from=app/a", Digest::of(b"?"));
    assert_eq!(it.send(Method::POST, &not_there, "").await.status(), StatusCode::ACCEPTED);

    assert_eq!(it.send(Method::DELETE, &elsewhere, "").await.status(), StatusCode::ACCEPTED);
    assert_eq!(it.get(&elsewhere).await.status(), StatusCode::NOT_FOUND);
    let part = it.http.get(it.url(&format!("/v2/app/a/blobs/{blob}"))).header("range", "bytes=3-5");
    let part = part.send().await.unwrap();
    assert_eq!(header(&part, "content-range"), "bytes 3-5/10");
    assert_eq!((part.status(), part.text().await.unwrap()), (StatusCode::PARTIAL_CONTENT, "345".to_owned()));
}

#[tokio::test]
async fn a_manifest_needs_its_blobs_and_goes_with_its_tags() {
    let it = Fixture::new().await;
    let early = it.push_manifest("app", "v1", &manifest(Digest::of(b"none"), 4)).await;
    assert_eq!(code(early).await, "MANIFEST_BLOB_UNKNOWN");
    let (digest, _) = it.push_image("app", "v1", b"content").await;
    it.push_image("app", "v2", b"content").await;
    it.push_image("app", "other", b"other").await;
    let head = it.send(Method::HEAD, "/v2/app/manifests/v1", "").await;
    assert_eq!(
        (header(&head, "docker-content-digest"), header(&head, "content-type")),
        (digest.clone(), MANIFEST.to_owned())
    );

    let page = it.get("/v2/app/tags/list?n=2").await;
    assert!(header(&page, "link").contains("last=v1"));
    assert_eq!(page.json::<Value>().await.unwrap(), json!({"name": "app", "tags": ["other", "v1"]}));
    let rest: Value = it.get("/v2/app/tags/list?n=2&last=v1").await.json().await.unwrap();
    assert_eq!(rest["tags"], json!(["v2"]));

    assert_eq!(it.send(Method::DELETE, "/v2/app/manifests/v2", "").await.status(), StatusCode::ACCEPTED);
    assert_eq!(it.get(&format!("/v2/app/manifests/{digest}")).await.status(), StatusCode::OK);
    let path = format!("/v2/app/manifests/{digest}");
    assert_eq!(it.send(Method::DELETE, &path, "").await.status(), StatusCode::ACCEPTED);
    assert_eq!(code(it.get("/v2/app/manifests/v1").await).await, "MANIFEST_UNKNOWN");
    let tags: Value = it.get("/v2/app/tags/list").await.json().await.unwrap();
    assert_eq!(tags["tags"], json!(["other"]));
}

#[tokio::test]
async fn bad_manifests_are_refused() {
    let it = Fixture::new().await;
    let put = async |reference: &str, body: Vec<u8>| {
        let request = it.http.put(it.url(&format!("/v2/app/manifests/{reference}")));
        code(request.header("content-type", MANIFEST).body(body).send().await.unwrap()).await
    };
    assert_eq!(put("v1", b"not json".to_vec()).await, "MANIFEST_INVALID");
    assert_eq!(put("v1", br#"{"schemaVersion":1,"manifests":[]}"#.to_vec()).await, "MANIFEST_INVALID");
    assert_eq!(put("v1", vec![b' '; 5 << 20]).await, "SIZE_INVALID");
    assert_eq!(put(&Digest::of(b"x").to_string(), b"{}".to_vec()).await, "DIGEST_INVALID");
    assert_eq!(code(it.get("/v2/UPPER/manifests/v1").await).await, "NAME_INVALID");
    assert_eq!(
        it.send(Method::POST, "/v2/app/manifests/v1", "").await.status(),
        StatusCode::METHOD_NOT_ALLOWED
    );
}

#[tokio::test]
async fn referrers_are_listed_by_subject_and_type() {
    let it = Fixture::new().await;
    let (subject, blob) = it.push_image("app", "v1", b"content").await;
    let mut about = manifest(blob, 7);
    about["subject"] = json!({"mediaType": MANIFEST, "digest": subject, "size": 1});
    about["artifactType"] = json!("application/x-signature");
    let put = it.push_manifest("app", "signature", &about).await;
    assert_eq!(header(&put, "oci-subject"), subject);
    let list = async |query: &str| -> Vec<Value> {
        let answer = it.get(&format!("/v2/app/referrers/{subject}{query}")).await;
        answer.json::<Value>().await.unwrap()["manifests"].as_array().unwrap().clone()
    };
    assert_eq!(list("").await[0]["artifactType"], "application/x-signature");
    assert_eq!(list("?artifactType=application/x-sbom").await.len(), 0);
    let path = format!("/v2/app/manifests/{}", header(&put, "docker-content-digest"));
    it.send(Method::DELETE, &path, "").await;
    assert_eq!(list("").await.len(), 0);
}

#[tokio::test]
async fn nobody_gets_in_without_credentials_and_tokens_grant_no_more_than_asked() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), Users).await;
    let http = Client::new();
    let base = format!("http://{}", server.address);
    let anonymous = http.get(format!("{base}/v2/app/tags/list")).send().await.unwrap();
    assert_eq!(anonymous.status(), StatusCode::UNAUTHORIZED);
    let challenge = header(&anonymous, "www-authenticate");
    assert!(challenge.starts_with(&format!("Bearer realm=\"{base}/v2/token\"")), "{challenge}");
    assert!(challenge.ends_with("scope=\"repository:app:pull\""), "{challenge}");

    let token = async |user: &str, scope: &str| {
        let request =
            http.get(format!("{base}/v2/token?service=x&scope={scope}")).basic_auth(user, Some("secret"));
        request.send().await.unwrap().json::<Value>().await.unwrap()["token"].as_str().unwrap().to_owned()
    };
    let upload = async |token: String| {
        http.post(format!("{base}/v2/app/blobs/uploads/")).bearer_auth(token).send().await.unwrap().status()
    };
    let full = token("user", "repository:app:pull,push").await;
    let status = http.get(format!("{base}/v2/")).bearer_auth(&full).send().await.unwrap().status();
    assert_eq!((status, upload(full).await), (StatusCode::OK, StatusCode::ACCEPTED));
    assert_eq!(upload(token("user", "repository:app:pull").await).await, StatusCode::UNAUTHORIZED);
    assert_eq!(upload(token("reader", "repository:app:pull,push").await).await, StatusCode::UNAUTHORIZED);
    assert_eq!(upload(token("user", "repository:app2:push").await).await, StatusCode::UNAUTHORIZED);
    let direct = http.get(format!("{base}/v2/other/tags/list")).basic_auth("user", Some("secret"));
    assert_eq!(direct.send().await.unwrap().status(), StatusCode::FORBIDDEN);
    let nobody = http.get(format!("{base}/v2/token")).basic_auth("user", Some("wrong")).send().await.unwrap();
    assert_eq!(nobody.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn collection_takes_what_is_old_and_unnamed_and_nothing_else() {
    let it = Fixture::new().await;
    let (kept, kept_blob) = it.push_image("app", "kept", b"kept").await;
    let (_, gone_blob) = it.push_image("app", "gone", b"gone").await;
    let mut signature = manifest(it.push_blob("app", b"signature").await, 9);
    signature["subject"] = json!({"mediaType": MANIFEST, "digest": kept, "size": 1});
    it.push_manifest("app", "signature", &signature).await;
    let orphan = it.push_blob("app", b"orphan").await;
    let upload = header(&it.send(Method::POST, "/v2/app/blobs/uploads/", "").await, "location");
    let keep = HashSet::from([kept.clone()]);
    let collect = |grace| it.server.store.collect(&keep, grace);

    // A push in flight is young: nothing of it goes.
    assert_eq!(collect(Duration::from_secs(60)).await.unwrap(), Default::default());

    let swept = collect(Duration::ZERO).await.unwrap();
    assert_eq!((swept.manifests, swept.blobs), (1, 3), "the manifest, its blob and the orphan");
    for (path, there) in [
        (format!("/v2/app/manifests/{kept}"), true),
        (format!("/v2/app/blobs/{kept_blob}"), true),
        ("/v2/app/manifests/signature".to_owned(), true),
        ("/v2/app/manifests/gone".to_owned(), false),
        (format!("/v2/app/blobs/{gone_blob}"), false),
        (format!("/v2/app/blobs/{orphan}"), false),
        (upload, false),
    ] {
        assert_eq!(it.get(&path).await.status().is_success(), there, "{path}");
    }
}

#[tokio::test]
async fn two_writers_of_one_upload_do_not_mix() {
    let it = Arc::new(Fixture::new().await);
    let place = header(&it.send(Method::POST, "/v2/app/blobs/uploads/", "").await, "location");
    let (sender, body) = tokio::sync::mpsc::channel::<Result<&'static str, std::io::Error>>(1);
    let stream = futures::stream::unfold(body, async |mut body| body.recv().await.map(|item| (item, body)));
    let (slow, path) = (it.clone(), place.clone());
    let slow = tokio::spawn(async move {
        slow.send(Method::PATCH, &path, reqwest::Body::wrap_stream(Box::pin(stream))).await.status()
    });
    sender.send(Ok("first")).await.unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while header(&it.get(&place).await, "range") != "0-4" {
        assert!(tokio::time::Instant::now() < deadline, "the first request's bytes never arrived");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(it.send(Method::PATCH, &place, "second").await.status(), StatusCode::CONFLICT);
    drop(sender);
    assert_eq!(slow.await.unwrap(), StatusCode::ACCEPTED);
    assert_eq!(header(&it.get(&place).await, "range"), "0-4");
}
