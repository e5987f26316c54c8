//! What a wake costs over the bare VMM's own boot, what a new machine of a known image takes on
//! disk, and what the server holds in memory for machines that sleep.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use roost_bench::{bare::Bare, stats};
use roost_testbed::{App, Server, ServerOptions, netns, testapp};
use tokio::time::sleep;

/// Pairs of a wake and a bare boot, taken in turns so that both see the same machine.
const PAIRS: usize = 10;

/// Before each start: memory that a VMM gave back goes to whoever is below this machine within two seconds, and
/// is dearer to take again.
const SETTLE: Duration = Duration::from_secs(3);

/// The host primes a guest once it is quiet; where it does not (another VMM), machines boot.
const PRIMING: Duration = Duration::from_secs(30);

/// Sleeping machines that the server's memory is measured with.
const SLEEPERS: usize = 100;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    netns::enter()?;
    let binary = std::env::var_os("ROOST_BIN").context("ROOST_BIN names the roost executable")?;
    let server = Server::start(Path::new(&binary), ServerOptions::default()).await?;
    let app = App::create(&server, "bench").await?;
    let empty_kib = server.resident_kib()?;
    app.deploy(&testapp::image("bench")?).await?;
    app.get("/").await?;
    let machine = id_of(&app).await?;
    let bare = bare(&server, &machine)?;
    until_primed(&server).await;

    eprintln!("{:>6} {:>12} {:>12} {:>12} {:>12}", "pair", "wake ms", "bare ms", "its CPU ms", "bare CPU ms");
    let (mut wakes, mut boots) = (Vec::new(), Vec::new());
    for pair in 1..=PAIRS {
        // The order turns each time: who comes second finds the memory in another state.
        if pair % 2 == 1 {
            wakes.push(wake(&server, &app, &machine).await?);
            boots.push(boot(&bare).await?);
        } else {
            boots.push(boot(&bare).await?);
            wakes.push(wake(&server, &app, &machine).await?);
        }
        let [(wake, wake_cpu), (bare, bare_cpu)] = [wakes[pair - 1], boots[pair - 1]];
        let columns = [wake, bare, wake_cpu, bare_cpu].map(|column| column.as_millis());
        let [wake, bare, wake_cpu, bare_cpu] = columns;
        eprintln!("{pair:>6} {wake:>12} {bare:>12} {wake_cpu:>12} {bare_cpu:>12}");
    }

    let create_disk_kib = disk_of_a_new_machine(&server, &app).await?;
    for _ in 1..SLEEPERS {
        create_stopped(&server, &app).await?;
    }
    let sleepers_kib = server.resident_kib()?;
    let [(wake, wake_cpu), (boot, bare_cpu)] = [wakes, boots].map(|samples| {
        let (elapsed, cpu): (Vec<_>, Vec<_>) = samples.into_iter().unzip();
        (stats::median_ms(&elapsed), stats::median_ms(&cpu))
    });
    println!(
        "result: wake_ms={wake:.0} bare_ms={boot:.0} overhead_ms={:.0} vmm_cpu_ms={wake_cpu:.0} \
         bare_cpu_ms={bare_cpu:.0} create_disk_kib={create_disk_kib} \
         server_0_kib={empty_kib} server_100_kib={sleepers_kib}",
        wake - boot,
    );
    Ok(())
}

/// From the second start on machines start as they do from then on.
async fn until_primed(server: &Server) {
    let primed = server.data_dir().join("host/primed");
    let began = Instant::now();
    let is_primed = || primed.join("0/state").exists() && !primed.join("jail").exists();
    while !is_primed() && began.elapsed() < PRIMING {
        sleep(Duration::from_millis(100)).await;
    }
    if !is_primed() {
        eprintln!("no guest is primed: each wake is a boot");
    }
}

/// First answer of a stopped machine, and the CPU time of its VMM until then. Leaves it stopped.
async fn wake(server: &Server, app: &App<'_>, machine: &str) -> Result<(Duration, Duration)> {
    stop(server, machine).await?;
    sleep(SETTLE).await;
    let start = Instant::now();
    app.get("/").await?;
    let elapsed = start.elapsed();
    let vmm = server.vmm_pid(machine).context("the machine's VMM runs")?;
    let cpu = stats::cpu_time(u32::try_from(vmm)?)?;
    stop(server, machine).await?;
    Ok((elapsed, cpu))
}

async fn boot(bare: &Bare) -> Result<(Duration, Duration)> {
    sleep(SETTLE).await;
    bare.boot().await
}

async fn stop(server: &Server, machine: &str) -> Result<()> {
    server.run(["machine", "stop", machine, "--app", "bench"]).await?;
    server.machine_in("bench", "stopped", Duration::from_secs(60)).await;
    Ok(())
}

async fn id_of(app: &App<'_>) -> Result<String> {
    let machines = app.machines().await?;
    let id = machines.first().and_then(|m| m["id"].as_str()).context("the app has a machine")?;
    Ok(id.to_owned())
}

/// The kernel, initramfs, kernel arguments and image disk of a machine that runs, as its VMM got them.
fn bare(server: &Server, machine: &str) -> Result<Bare> {
    let vmm = server.vmm_arguments(machine).context("the machine's VMM runs")?;
    let after = |flag: &str| vmm.iter().skip_while(|a| *a != flag).nth(1).cloned().unwrap_or_default();
    let acpi = after("-machine").contains("acpi=on");
    let host = server.data_dir().join("host");
    let kernel = newest(&host.join("kernels"), "vmlinux-")?;
    let initramfs = newest(&host.join("kernels"), "initramfs-")?;
    let disk = newest(&host.join("images"), "erofs")?;
    Bare::prepare(&kernel, &initramfs, &disk, &after("-append"), acpi)
}

/// The newest file below `dir` whose name contains `part`.
fn newest(dir: &Path, part: &str) -> Result<PathBuf> {
    let mut found: Vec<(std::time::SystemTime, PathBuf)> = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))? {
            let (path, metadata) = entry.and_then(|e| Ok((e.path(), e.metadata()?)))?;
            if metadata.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|n| n.to_string_lossy().contains(part)) {
                found.push((metadata.modified()?, path));
            }
        }
    }
    found.sort();
    found.pop().map(|(_, path)| path).with_context(|| format!("no {part} below {}", dir.display()))
}

/// Disk blocks below the machine folders, after minus before.
async fn disk_of_a_new_machine(server: &Server, app: &App<'_>) -> Result<u64> {
    let folders = server.data_dir().join("host/machines");
    let before = allocated_kib(&folders)?;
    let images = allocated_kib(&server.data_dir().join("host/images"))?;
    server.run(["scale", "count", "2", "--app", "bench"]).await?;
    app.get("/").await?;
    let after = allocated_kib(&folders)?;
    assert_eq!(images, allocated_kib(&server.data_dir().join("host/images"))?, "nothing is copied");
    Ok(after - before)
}

fn allocated_kib(dir: &Path) -> Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        sum += metadata.blocks() / 2;
        if metadata.is_dir() {
            sum += allocated_kib(&entry.path())?;
        }
    }
    Ok(sum)
}

/// A machine that was made and never started.
async fn create_stopped(server: &Server, app: &App<'_>) -> Result<()> {
    let image = app.machines().await?[0]["config"]["image"].clone();
    let body = serde_json::json!({"config": {"image": image}, "skip_launch": true});
    server.post("/v1/apps/bench/machines", &body).await?;
    Ok(())
}
