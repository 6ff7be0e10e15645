//! temporary

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() {
    use orloj_operator::*;
    let cli = match cli::args::Cli::read(std::env::args_os()) {
        Ok(c) => c,
        Err(e) => e.exit(),
    };
    let inputs = config::Inputs::from_process(cli.config.clone(), cli.flags());
    let resolved = config::Resolved::load(&inputs).unwrap();
    let (level, format) = resolved.logging();
    telemetry::logs::init(&level, format, &telemetry::progress::Terminal::stderr()).unwrap();
    let config = resolved.config(config::Need::Run).unwrap();
    let registry = registry::Registry::load(config.kinds_dir.as_deref()).unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    let s = stop.clone();
    tokio::spawn(async move {
        let mut t = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap();
        t.recv().await;
        s.cancel();
    });
    if let Err(e) = cli::run::run(config, registry, stop).await {
        eprintln!("error: {e}");
        std::process::exit(1);
    }
}
