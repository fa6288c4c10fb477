using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "internet", network = (allow = ["public", "private", "local"])),
    $COLO
  ],
  sockets = [
    (name = "http", address = "127.0.0.1:$PORT", http = (), service = "main"),
  ],
);

const main :Workerd.Worker = (
  modules = [ (name = "index.js", esModule = embed "index.js") ],
  compatibilityDate = "$DATE",
  $OUTBOUND
  bindings = [ $BINDINGS ],
);
