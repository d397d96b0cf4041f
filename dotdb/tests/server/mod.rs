//! A PostgreSQL server of a test's own: from Debian's package, in a temporary folder, on a port of loopback. It ends
//! with the process that started it, however that ends.
//!
//! `DOTVM_TEST_POSTGRES=off` in the environment leaves tests out that need one.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// What is wrong where there is no server to start, and what to do about it.
const MISSING: &str = "PostgreSQL is not installed, which this test needs\n\
    scripts/postgresql installs it (apt-get install -y postgresql); DOTVM_TEST_POSTGRES=off leaves such tests out";
/// The password: one that has to be written in another way in a URL.
const PASSWORD: &str = "p@ss/w?rd%";
const PASSWORD_IN_URL: &str = "p%40ss%2Fw%3Frd%25";
/// Who the server is, in the words of `openssl req`.
const CERTIFICATE: &str = "[req]\nprompt = no\ndistinguished_name = name\nx509_extensions = more\n\
    [name]\nCN = server of a test\n\
    [more]\nsubjectAltName = IP:127.0.0.1\nbasicConstraints = critical, CA:FALSE\n";
/// How long starting may take.
const START_MAX: Duration = Duration::from_secs(60);
/// Schemas, for a database each.
const SCHEMAS: u32 = 60;

/// A server.
pub(crate) struct Server {
    /// A shell that ends it when nobody holds its standard input any more.
    keeper: Child,
    programs: PathBuf,
    folder: tempfile::TempDir,
    /// The port.
    pub(crate) port: u16,
}

/// Whether tests that need a server are left out.
pub(crate) fn is_left_out() -> bool {
    let off = std::env::var_os("DOTVM_TEST_POSTGRES").is_some_and(|value| value == "off");
    if off {
        eprintln!("left out: DOTVM_TEST_POSTGRES=off");
    }
    off
}

/// Where the server's programs are: on the path, or where Debian has them.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    if let Ok(versions) = fs::read_dir("/usr/lib/postgresql") {
        let versions = versions.filter_map(Result::ok);
        folders.extend(versions.map(|version| version.path().join("bin")));
    }
    let has = |folder: &PathBuf, program: &str| folder.join(program).exists();
    folders.into_iter().find(|folder| {
        ["initdb", "postgres", "psql"]
            .iter()
            .all(|program| has(folder, program))
    })
}

/// Whom the server runs as: it refuses to be run by root. `None` where that is not who we are.
fn user() -> Option<(u32, u32)> {
    if fs::metadata("/proc/self").is_ok_and(|me| me.uid() != 0) {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    ["postgres", "nobody"].into_iter().find_map(|name| {
        let fields = |line: &str| line.split(':').map(str::to_owned).collect::<Vec<_>>();
        let user = users.lines().map(fields).find(|user| user[0] == name)?;
        Some((user.get(2)?.parse().ok()?, user.get(3)?.parse().ok()?))
    })
}

fn command(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).env_remove("PGPASSWORD");
    if let Some((user, group)) = user() {
        command.uid(user).gid(group);
    }
    command
}

#[track_caller]
fn done(what: &str, output: std::io::Result<Output>) -> String {
    let output = output.unwrap_or_else(|error| panic!("{what}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

impl Server {
    /// Starts one.
    ///
    /// # Panics
    /// Where it is not installed, or does not start: that is a failed test like any other.
    #[track_caller]
    pub(crate) fn start() -> Server {
        let programs = programs().unwrap_or_else(|| panic!("{MISSING}"));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path();
        fs::write(path.join("password"), PASSWORD).expect("a file");
        if let Some((user, group)) = user() {
            for path in [path, &path.join("password")] {
                chown(path, Some(user), Some(group)).expect("a folder for the server");
            }
        }
        let mut initdb = command(&programs.join("initdb"), path);
        initdb.args(["--pgdata=data", "--username=dot", "--pwfile=password"]);
        initdb.args(["--auth=scram-sha-256", "--no-locale", "--encoding=UTF8"]);
        done("initdb", initdb.arg("--no-sync").output());
        fs::write(path.join("certificate.cnf"), CERTIFICATE).expect("a file");
        let mut openssl = command(Path::new("openssl"), path);
        openssl.args(["req", "-x509", "-nodes", "-days", "30", "-newkey", "ec"]);
        openssl.args([
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-config",
            "certificate.cnf",
        ]);
        openssl.args(["-keyout", "data/server.key", "-out", "data/server.crt"]);
        done("openssl", openssl.output());
        let mut server = Server {
            keeper: Server::keep(&programs, path, 0),
            programs,
            folder,
            port: 0,
        };
        server.restart();
        let schemas = format!(
            "DO $$ BEGIN FOR i IN 0..{SCHEMAS} LOOP EXECUTE 'CREATE SCHEMA s' || i; END LOOP; END $$"
        );
        server.sql(&schemas);
        server
    }

    /// Starts the shell that has the server run on a port; none on port 0.
    fn keep(programs: &Path, path: &Path, port: u16) -> Child {
        let postgres = programs.join("postgres");
        let script = format!(
            "[ {port} = 0 ] && exit\n\
             '{}' -D data -p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
             -c ssl=on -c fsync=off -c shared_buffers=16MB >log 2>&1 </dev/null &\n\
             server=$!; echo $server >pid; read line; kill -QUIT $server; wait $server",
            postgres.display()
        );
        let mut shell = command(Path::new("/bin/sh"), path);
        shell.arg("-c").arg(script).stdin(Stdio::piped());
        shell.stdout(Stdio::null()).stderr(Stdio::null());
        shell.spawn().expect("a shell")
    }

    /// Starts it again, on another port, after it was killed or for the first time.
    #[track_caller]
    pub(crate) fn restart(&mut self) {
        self.end();
        let _ = fs::remove_file(self.folder.path().join("data/postmaster.pid"));
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port))
            .or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        self.port = free
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .port();
        self.keeper = Server::keep(&self.programs, self.folder.path(), self.port);
        let started = Instant::now();
        while self.try_sql("SELECT 1").is_err() {
            if started.elapsed() > START_MAX {
                let log = fs::read_to_string(self.folder.path().join("log"));
                panic!("the server does not start: {}", log.unwrap_or_default());
            }
            // What is left of one that was killed may still be ending; until then another one does not start.
            let log = fs::read_to_string(self.folder.path().join("log"));
            if log.is_ok_and(|log| log.contains("still in use")) {
                self.end();
                self.keeper = Server::keep(&self.programs, self.folder.path(), self.port);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Has psql execute something; returns what it prints.
    #[track_caller]
    pub(crate) fn sql(&self, statements: &str) -> String {
        self.try_sql(statements)
            .unwrap_or_else(|error| panic!("psql: {error}"))
    }

    fn try_sql(&self, statements: &str) -> Result<String, String> {
        if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            return Err("nobody listens".to_owned());
        }
        let mut psql = command(&self.programs.join("psql"), self.folder.path());
        psql.env("PGPASSWORD", PASSWORD)
            .args([
                "-qAtX",
                "-v",
                "ON_ERROR_STOP=1",
                "-h",
                "127.0.0.1",
                "-U",
                "dot",
            ])
            .args([
                "-p",
                &self.port.to_string(),
                "-d",
                "postgres",
                "-c",
                statements,
            ]);
        let output = psql.output().map_err(|error| error.to_string())?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    /// The URL of the database in a schema.
    pub(crate) fn url(&self, schema: u32) -> String {
        assert!(schema <= SCHEMAS, "there are more schemas than that");
        self.url_of(
            PASSWORD_IN_URL,
            &format!("?options=-c%20search_path%3Ds{schema}"),
        )
    }

    /// A URL, with that password and parameters.
    pub(crate) fn url_of(&self, password: &str, parameters: &str) -> String {
        format!(
            "postgres://dot:{password}@127.0.0.1:{}/postgres{parameters}",
            self.port
        )
    }

    /// The file with its certificate, which it has signed itself.
    pub(crate) fn certificate(&self) -> PathBuf {
        // Its folder is the server's alone.
        let copy = self.folder.path().join("server.crt");
        fs::copy(self.folder.path().join("data/server.crt"), &copy).expect("a certificate");
        copy
    }

    /// Sends a signal to the server and to all that work for it.
    #[track_caller]
    pub(crate) fn signal(&self, signal: &str) {
        let pid = fs::read_to_string(self.folder.path().join("pid")).expect("the server's number");
        let pid = pid.trim();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let kill = |pid: &str| Command::new("kill").args(["-s", signal, pid]).output();
        done("kill", kill(pid));
        for child in children.unwrap_or_default().split_whitespace() {
            // It may have ended meanwhile.
            let _ = kill(child);
        }
    }

    fn end(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.port != 0 {
            // One that was stopped could not end.
            let _ = fs::read_to_string(self.folder.path().join("pid"))
                .map(|pid| Command::new("kill").args(["-CONT", pid.trim()]).output());
        }
        self.end();
        if std::thread::panicking() {
            let log = fs::read_to_string(self.folder.path().join("log"));
            eprintln!("what the server said:\n{}", log.unwrap_or_default());
        }
    }
}
