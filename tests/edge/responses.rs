//! Responses of every kind, generated from their number.

/// How many there are.
pub const CASES: usize = 300;

/// The response to `method` for the path `/<number>`, as octets.
pub fn octets(method: &str, path: &str) -> Vec<u8> {
    let number: u64 = path.trim_matches('/').parse().unwrap_or_default();
    let mut dice = Dice(number.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5EED);
    let (code, phrase) = *dice.one_of(STATUSES);
    let mut head = format!("HTTP/1.1 {code} {phrase}\r\n").into_bytes();
    let mut fields: Vec<Vec<u8>> = Vec::new();
    fields.push(dice.one_of(LIFETIMES).as_bytes().to_vec());
    fields.extend(dice.some_of(COOKIES, 4));
    fields.extend(dice.some_of(FIELDS, 3).into_iter().flat_map(|field| {
        field.split(|&octet| octet == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>()
    }));
    let body = if matches!(code, 204 | 205 | 304) { Vec::new() } else { body(&mut dice) };
    let coding = dice.one_of(&["", "", "", "Content-Encoding: gzip", "Content-Encoding: x-odd"]);
    if !coding.is_empty() && !body.is_empty() {
        fields.push(coding.as_bytes().to_vec());
    }
    fields.push(dice.one_of(TYPES).as_bytes().to_vec());
    fields.push(b"Date: Thu, 01 Jan 2026 00:00:00 GMT".to_vec());
    let chunked = dice.below(3) == 0 && code != 204;
    fields.push(match chunked {
        true => b"Transfer-Encoding: chunked".to_vec(),
        false if code == 204 => Vec::new(),
        false => format!("Content-Length: {}", body.len()).into_bytes(),
    });
    fields.push(b"Connection: close".to_vec());
    for field in fields.iter().filter(|field| !field.is_empty()) {
        head.extend_from_slice(field);
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    if method != "HEAD" && code != 204 {
        head.extend(if chunked { in_chunks(&body, dice.below(2) == 0) } else { body });
    }
    head
}

fn body(dice: &mut Dice) -> Vec<u8> {
    let length = *dice.one_of(&[0, 1, 15, 256, 3000, 100_000]);
    (0..length).map(|at| if length == 15 { b'a' } else { (at * 31 % 256) as u8 }).collect()
}

fn in_chunks(body: &[u8], trailer: bool) -> Vec<u8> {
    let mut octets = Vec::new();
    for chunk in body.chunks(1000) {
        octets.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        octets.extend_from_slice(chunk);
        octets.extend_from_slice(b"\r\n");
    }
    octets.extend_from_slice(if trailer { b"0\r\nX-Trailer: late\r\n\r\n" } else { b"0\r\n\r\n" });
    octets
}

/// Numbers drawn from a seed, the same on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(0xDA3E_39CB);
        (self.0 >> 33) as usize % sides
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// Each of them with a chance of one in `sides`, in order.
    fn some_of(&mut self, all: &[&[u8]], sides: usize) -> Vec<Vec<u8>> {
        all.iter().filter(|_| self.below(sides) == 0).map(|one| one.to_vec()).collect()
    }
}

const STATUSES: &[(u16, &str)] = &[
    (200, "OK"),
    (200, "OK"),
    (200, "OK"),
    (200, "Fine, thank you"),
    (201, "Created"),
    (203, "Non-Authoritative Information"),
    (204, "No Content"),
    (205, "Reset Content"),
    (226, "IM Used"),
    (299, ""),
    (300, "Multiple Choices"),
    (301, "Moved Permanently"),
    (302, "Found"),
    (307, "Temporary Redirect"),
    (400, "Bad Request"),
    (404, "Not Found"),
    (410, "Gone"),
    (418, "I'm a teapot"),
    (451, "Unavailable For Legal Reasons"),
    (499, "Odd"),
    (500, "Internal Server Error"),
    (503, "Service Unavailable"),
    (599, "Odd"),
    (600, "Beyond"),
    (799, "Beyond"),
    (999, "Beyond"),
];

/// Most are for storing.
const LIFETIMES: &[&str] = &[
    "Cache-Control: max-age=600000000",
    "Cache-Control: max-age=600000000",
    "Cache-Control: max-age=600000000, no-transform",
    "Cache-Control: public,  MAX-AGE=600000000 ,x=\"a, b\"",
    "Cache-Control: no-store",
    "Cache-Control: private, max-age=600",
    "X-Nothing-Of-Caching: 1",
];

const COOKIES: &[&[u8]] = &[
    b"Set-Cookie: a=1; Path=/; HttpOnly",
    b"set-cookie: b=2, 3; Expires=Thu, 01 Jan 2099 00:00:00 GMT",
    b"Set-Cookie: a=1; Path=/x",
];

/// A line break separates lines of one pick.
const FIELDS: &[&[u8]] = &[
    b"ETag: \"abc\"",
    b"ETag: W/\"a,b\"",
    b"Last-Modified: Wed, 31 Dec 2025 00:00:00 GMT",
    b"X-CaSiNg: Value Kept  With  Spaces",
    b"X-Many: 1\nX-Many: 2, 3\nx-many: 1",
    b"X-Empty:",
    b"X-Comma: a,,b ,\t c",
    b"X-Quoted: \"a, \\\"b\\\"; c\"",
    b"X-Utf8: gr\xc3\xbc\xc3\x9fe",
    b"Link: </a.css>; rel=preload; as=style, </b.js>; rel=preload\nLink: </c>; rel=next",
    b"Content-Language: de, en",
    b"Content-Location: /elsewhere?x=1",
    b"Content-Disposition: attachment; filename*=UTF-8''%e2%82%ac.txt",
    b"Location: ../up?q=\xc3\xa4#part",
    b"WWW-Authenticate: Basic realm=\"a, b\"\nWWW-Authenticate: Bearer",
    b"Vary: X-One, X-Two",
    b"Warning: 199 - \"x\"",
    b"Pragma: no-cache",
    b"Via: 1.1 before",
    b"Age: 7",
    b"Expires: 0",
    b"Server: odd/1.0 (x)",
    b"Alt-Svc: h3=\":443\"; ma=60",
    b"Content-MD5: rL0Y20zC+Fzt72VPzMSk2A==",
    b"Accept-Ranges: bytes",
    b"Strict-Transport-Security: max-age=1",
    b"Cache-Status: Origin; hit",
    b"CDN-Cache-Control: max-age=600000001",
    b"X-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    b"Retry-After: 120",
    b"Refresh: 5; url=/x",
    b"Trailer: X-Trailer",
];

const TYPES: &[&str] = &[
    "Content-Type: text/html; charset=utf-8",
    "Content-Type: TEXT/plain",
    "Content-Type: application/octet-stream",
    "content-type: ;;;",
    "",
];
