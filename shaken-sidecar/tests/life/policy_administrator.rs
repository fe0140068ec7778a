//! An STI-PA with its lists, and an https server for them in the place of a lab's repository.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, DnValue, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SigningKey as _,
};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use shaken_core::key;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use x509_parser::parse_x509_certificate;

use crate::der::{boolean, bytes, explicit, generalized_time, implicit, integer, oid, sequence};
use crate::running::unix_now;

/// Its keys, and where its things are.
pub(crate) struct PolicyAdministrator {
    host: String,
    pub(crate) root_pem: String,
    crl_key: KeyPair,
    pub(crate) crl_signer_pem: String,
    list_key: KeyPair,
    pub(crate) list_signer_pem: String,
}

impl PolicyAdministrator {
    pub(crate) fn new(host: &str) -> Self {
        let mut root_params = params("Lab STI-PA Root");
        root_params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        root_params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let root_key = KeyPair::generate().unwrap();
        let root_pem = root_params.self_signed(&root_key).unwrap().pem();
        let root = Issuer::new(root_params, root_key);
        let signer = |name: &str, usage| {
            let mut params = params(name);
            params.is_ca = IsCa::ExplicitNoCa;
            params.key_usages = vec![usage];
            let key = KeyPair::generate().unwrap();
            let pem = params.signed_by(&key, &root).unwrap().pem();
            (key, pem)
        };
        // What the lab's certificates name.
        let (crl_key, crl_signer_pem) = signer("Lab STI-PA CRL", KeyUsagePurpose::CrlSign);
        let (list_key, list_signer_pem) = signer("Lab STI-PA", KeyUsagePurpose::DigitalSignature);
        Self { host: host.to_owned(), root_pem, crl_key, crl_signer_pem, list_key, list_signer_pem }
    }

    /// An indirect list with this number, on which the first certificate of each chain is.
    pub(crate) fn crl(&self, number: u8, revoked: &[&[u8]]) -> Vec<u8> {
        let now = i64::try_from(unix_now()).unwrap();
        let ecdsa = sequence(&oid(&[1, 2, 840, 10045, 4, 3, 2]));
        let entries: Vec<u8> = revoked.iter().flat_map(|chain| entry(chain, now - 60)).collect();
        let signer_url =
            [oid(&[1, 3, 6, 1, 5, 5, 7, 0x30, 2]), implicit(6, self.url("/crl-signer").as_bytes())];
        let scope = [
            explicit(0, &explicit(0, &implicit(6, b"https://crl.lab.example/shaken.crl"))),
            implicit(4, &[0xff]),
        ];
        let extensions = [
            extension(&[2, 5, 29, 20], false, &integer(&[number])),
            extension(&[2, 5, 29, 28], true, &sequence(&scope.concat())),
            extension(&[1, 3, 6, 1, 5, 5, 7, 1, 1], false, &sequence(&sequence(&signer_url.concat()))),
        ];
        let tbs = sequence(
            &[
                integer(&[1]),
                ecdsa.clone(),
                subject(self.crl_signer_pem.as_bytes()),
                generalized_time(now - 60),
                generalized_time(now + 3600),
                if entries.is_empty() { Vec::new() } else { sequence(&entries) },
                explicit(0, &sequence(&extensions.concat())),
            ]
            .concat(),
        );
        let signature = [&[0], self.crl_key.sign(&tbs).unwrap().as_slice()].concat();
        sequence(&[tbs, ecdsa, bytes(0x03, &signature)].concat())
    }

    /// A list of approved CAs.
    pub(crate) fn ca_list(&self, sequence: u64, ca_pem: &str) -> Vec<u8> {
        let header = serde_json::json!({ "alg": "ES256", "typ": "JWT", "x5u": self.url("/list-signer") });
        let payload = serde_json::json!({
            "version": "1.0", "sequence": sequence, "exp": unix_now() + 3600, "trustList": [ca_pem],
        });
        let encode = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!("{}.{}", encode(header), encode(payload));
        let key = key::signing_key_from_pem(self.list_key.serialize_pem().as_bytes()).unwrap();
        let signature = key.sign(signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)).into_bytes()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.host)
    }
}

/// What a server has, by path; to be changed while it runs.
#[derive(Clone, Default)]
pub(crate) struct Bodies(Arc<Mutex<HashMap<String, Vec<u8>>>>);

impl Bodies {
    pub(crate) fn put(&self, path: &str, body: impl Into<Vec<u8>>) {
        self.0.lock().unwrap().insert(path.to_owned(), body.into());
    }

    pub(crate) fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    /// Serves them with the TLS certificate of a lab, until the test process ends.
    pub(crate) fn serve(&self, lab: &Path) -> SocketAddr {
        let chain = CertificateDer::pem_file_iter(lab.join("tls-server.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(lab.join("tls-server.key")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain.map(Result::unwrap).collect(), key)
            .unwrap();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let (bodies, acceptor) = (self.clone(), tokio_rustls::TlsAcceptor::from(Arc::new(tls)));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    tokio::spawn(answer(bodies.clone(), acceptor.clone(), stream));
                }
            });
        });
        address
    }
}

async fn answer(bodies: Bodies, acceptor: tokio_rustls::TlsAcceptor, stream: tokio::net::TcpStream) {
    let Ok(mut stream) = acceptor.accept(stream).await else { return };
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let body = bodies.0.lock().unwrap().get(head.split(' ').nth(1).unwrap()).cloned();
    let (status, body) = body.map_or(("404 Not Found", Vec::new()), |body| ("200 OK", body));
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let _ = stream.write_all(&[head.as_bytes(), &body].concat()).await;
    let _ = stream.shutdown().await;
}

fn params(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::CountryName, DnValue::PrintableString("US".try_into().unwrap()));
    name.push(DnType::OrganizationName, "Lab STI-PA");
    name.push(DnType::CommonName, common_name);
    params.distinguished_name = name;
    params.use_authority_key_identifier_extension = true;
    params
}

fn first(pem: &[u8]) -> Vec<u8> {
    CertificateDer::pem_slice_iter(pem).next().unwrap().unwrap().to_vec()
}

fn subject(pem: &[u8]) -> Vec<u8> {
    let der = first(pem);
    parse_x509_certificate(&der).unwrap().1.subject().as_raw().to_vec()
}

fn entry(chain_pem: &[u8], since: i64) -> Vec<u8> {
    let der = first(chain_pem);
    let certificate = parse_x509_certificate(&der).unwrap().1;
    let issuer = sequence(&explicit(4, certificate.issuer().as_raw()));
    let issuer = extension(&[2, 5, 29, 29], true, &issuer);
    let parts = [integer(certificate.raw_serial()), generalized_time(since), sequence(&issuer)];
    sequence(&parts.concat())
}

fn extension(id: &[u64], critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { boolean(0xff) } else { Vec::new() };
    sequence(&[oid(id), critical, bytes(0x04, value)].concat())
}
