//! The settings file of one workerd process.

use std::fmt::Write;

use super::WorkerdSpec;

/// Writes the settings: one service, and so one isolate, per port.
pub(super) fn settings(spec: &WorkerdSpec, ports: &[u16], crons: &[u16], date: &str) -> String {
    let mut services = String::new();
    let mut sockets = String::new();
    let mut workers = String::new();
    for (n, (port, cron)) in ports.iter().zip(crons).enumerate() {
        let colo = spec.colos.get(n).map(|colo| {
            let _ = writeln!(
                services,
                "    (name = \"colo{n}\", external = (address = \"127.0.0.1:{colo}\", \
                 http = (style = proxy))),"
            );
            format!("  cacheApiOutbound = \"colo{n}\",\n")
        });
        let colo = colo.unwrap_or_default();
        let _ = writeln!(services, "    (name = \"edge{n}\", worker = .edge{n}),");
        let _ = writeln!(services, "    (name = \"cron{n}\", worker = .cron{n}),");
        let _ = writeln!(
            sockets,
            "    (name = \"edge{n}\", address = \"127.0.0.1:{port}\", \
             http = (), service = \"edge{n}\"),\n    \
             (name = \"cron{n}\", address = \"127.0.0.1:{cron}\", \
             http = (), service = \"cron{n}\"),"
        );
        let site = spec.authority.iter().map(|authority| ("SITE", authority.as_str()));
        let variables = spec.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut bindings = bindings(variables.chain(site));
        if spec.analytics.is_some() {
            bindings.push_str("    (name = \"ANALYTICS\", analyticsEngine = \"points\"),\n");
        }
        let _ = write!(
            workers,
            "const edge{n} :Workerd.Worker = (\n  modules = [\n    \
             (name = \"entry.js\", esModule = embed \"entry.js\"),\n    \
             (name = \"index.js\", esModule = embed \"index.js\"),\n    \
             (name = \"index_bg.wasm\", wasm = embed \"index_bg.wasm\"),\n  ],\n  \
             compatibilityDate = \"{date}\",\n{colo}  bindings = [\n{bindings}  ],\n);\n\
             const cron{n} :Workerd.Worker = (\n  \
             modules = [ (name = \"cron.js\", esModule = embed \"cron.js\") ],\n  \
             compatibilityDate = \"{date}\",\n  \
             compatibilityFlags = [\"service_binding_extra_handlers\"],\n  \
             bindings = [ (name = \"WORKER\", service = \"edge{n}\") ],\n);\n"
        );
    }
    if let Some(port) = spec.analytics {
        let _ = writeln!(
            services,
            "    (name = \"points\", external = (address = \"127.0.0.1:{port}\", http = ())),"
        );
    }
    let www = quote(&spec.www.to_string_lossy());
    format!(
        "using Workerd = import \"/workerd/workerd.capnp\";\n\
         const config :Workerd.Config = (\n  services = [\n{services}    \
         (name = \"assets\", worker = .assets),\n    \
         (name = \"disk\", disk = (path = {www}, writable = false)),\n    \
         (name = \"internet\", network = (allow = [\"public\", \"private\", \"local\"], \
         tlsOptions = (trustBrowserCas = true))),\n  ],\n  \
         sockets = [\n{sockets}  ],\n);\n\
         const assets :Workerd.Worker = (\n  \
         modules = [ (name = \"assets.js\", esModule = embed \"assets.js\") ],\n  \
         compatibilityDate = \"{date}\",\n  \
         bindings = [ (name = \"DISK\", service = \"disk\") ],\n);\n{workers}"
    )
}

fn bindings<'a>(variables: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::from("    (name = \"ASSETS\", service = \"assets\"),\n");
    for (name, value) in variables {
        let (name, value) = (quote(name), quote(value));
        let _ = writeln!(text, "    (name = {name}, text = {value}),");
    }
    text
}

fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            control if control.is_ascii_control() => {
                let _ = write!(quoted, "\\x{:02x}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn a_value_may_hold_anything() {
        assert_eq!(quote("{\"a\": \"b\\\"\n\"}é"), r#""{\"a\": \"b\\\"\x0a\"}é""#);
    }
}
