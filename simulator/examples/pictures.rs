//! Draws one picture for each prompt on the command line, into the folder that comes first, and says how long it took.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use tidegate_simulator::picture::render;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: pictures FOLDER PROMPT…")?;
    std::fs::create_dir_all(&folder)?;
    for (index, prompt) in arguments.enumerate() {
        let start = Instant::now();
        let bytes = render(&prompt, 1, 1024, 1024);
        let path = Path::new(&folder).join(format!("{index:02}.png"));
        println!("{} {} ms {} KB: {prompt}", path.display(), start.elapsed().as_millis(), bytes.len() / 1024);
        std::fs::write(path, bytes)?;
    }
    Ok(())
}
