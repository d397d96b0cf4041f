//! Linear memory: bulk operations at their edges, the heap of `alloc` and `free`, sharing.

mod common;

use common::{engine, instance, instance_of, module, run, trap_code};
use dotvm::{
    AddressType, Config, Engine, Error, HeapBlock, HeapStats, Instance, Jit, Limits, Linker,
    Memory, MemoryType, Result, Store, TrapCode,
};

const HEAP: &str = r#"
    .memory 0 40
    .export "memory" memory 0
    .export "alloc" func $alloc
    .export "free" func $free
    .export "fill" func $fill
    .func $alloc (i32 $bytes) -> i32
        local.get $bytes
        alloc
        ret
    .end
    .func $free (i32 $at)
        local.get $at
        free
        ret
    .end
    .func $fill (i32 $dst, i32 $value, i32 $len)
        local.get $dst
        local.get $value
        local.get $len
        memory.fill
        ret
    .end"#;

fn alloc(store: &mut Store<()>, instance: Instance, bytes: u32) -> Result<u32> {
    instance
        .get_typed_func::<u32, u32>(&mut *store, "alloc")?
        .call(store, bytes)
}

fn free(store: &mut Store<()>, instance: Instance, at: u32) -> Result<()> {
    instance
        .get_typed_func::<u32, ()>(&mut *store, "free")?
        .call(store, at)
}

#[test]
fn alloc_gives_separate_aligned_blocks() {
    let (mut store, instance) = instance(HEAP);
    let mut blocks = Vec::new();
    for bytes in [1, 0, 16, 17, 1_000, 8_192, 8_193, 100_000, 3] {
        let at = alloc(&mut store, instance, bytes).unwrap();
        assert!(at != 0 && at.is_multiple_of(16), "{at:#x}");
        let memory = instance.get_memory(&mut store, "memory").unwrap();
        assert!(u64::from(at + bytes) <= memory.size(&store) * 65_536);
        blocks.push(HeapBlock { address: at, bytes });
    }
    blocks.sort_by_key(|block| block.address);
    assert!(blocks.is_sorted_by(|a, b| a.address + a.bytes.max(1) <= b.address));
    // The report of what is not freed is exact.
    assert_eq!(store.heap_blocks(), blocks);
    let stats = store.heap_stats();
    assert_eq!((stats.live_blocks, stats.live_bytes), (9, 117_422));
    for block in blocks {
        free(&mut store, instance, block.address).unwrap();
    }
    let stats = store.heap_stats();
    assert_eq!(
        (stats.live_blocks, stats.live_bytes, stats.peak_bytes),
        (0, 0, 117_422)
    );
    assert_eq!((stats.allocations, stats.frees), (9, 9));
    assert_eq!(store.heap_blocks(), []);
}

#[test]
fn freed_blocks_are_used_again() {
    let (mut store, instance) = instance(HEAP);
    for round in 0..10_000u32 {
        let small = alloc(&mut store, instance, 24).unwrap();
        let large = alloc(&mut store, instance, 50_000 + round).unwrap();
        free(&mut store, instance, large).unwrap();
        free(&mut store, instance, small).unwrap();
    }
    assert!(
        store.usage().peak_memory_bytes <= 3 << 16,
        "{:?}",
        store.usage()
    );
}

#[test]
fn free_of_anything_else_traps() {
    let (mut store, instance) = instance(HEAP);
    let at = alloc(&mut store, instance, 100).unwrap();
    for wrong in [0, 1, at + 1, at + 16, at + 112, at - 16, 1 << 20, u32::MAX] {
        let code = trap_code(free(&mut store, instance, wrong));
        assert_eq!(code, TrapCode::InvalidFree, "{wrong:#x}");
    }
    free(&mut store, instance, at).unwrap();
    assert_eq!(
        trap_code(free(&mut store, instance, at)),
        TrapCode::InvalidFree
    );
}

#[test]
fn places_of_blocks_are_known_to_whoever_asks() {
    let (mut store, instance) = instance(HEAP);
    let before = alloc(&mut store, instance, 7).unwrap();
    store.track_allocations();
    let at = alloc(&mut store, instance, 100).unwrap();
    let leaks = store.heap_leaks();
    let addresses: Vec<u32> = leaks.iter().map(|(block, _)| block.address).collect();
    assert_eq!(addresses.len(), 2);
    for (block, place) in &leaks {
        assert_eq!(place.is_empty(), block.address == before);
    }
    free(&mut store, instance, at).unwrap();
    let twice = free(&mut store, instance, at).unwrap_err();
    assert_eq!(twice.trap_code(), Some(TrapCode::InvalidFree));
    let text = twice.to_string();
    for part in [
        ", allocated\n  0: ",
        "\nand freed\n  0: ",
        "\nis freed again\n  0: ",
    ] {
        assert!(text.contains(part), "{text}");
    }
    let foreign = free(&mut store, instance, at + 1).unwrap_err();
    assert!(
        foreign.to_string().contains(" is no block\n  0: "),
        "{foreign}"
    );
    free(&mut store, instance, before).unwrap();
    assert!(store.heap_leaks().is_empty());
}

#[test]
fn a_program_cannot_damage_the_books() {
    let (mut store, instance) = instance(HEAP);
    let blocks: Vec<u32> = (0..100)
        .map(|i| alloc(&mut store, instance, i * 37).unwrap())
        .collect();
    let size = instance
        .get_memory(&mut store, "memory")
        .unwrap()
        .size(&store) as u32
        * 65_536;
    let fill = instance
        .get_typed_func::<(u32, u32, u32), ()>(&mut store, "fill")
        .unwrap();
    for value in [0xff, 0x00, 0xa5] {
        fill.call(&mut store, (0, value, size)).unwrap();
    }
    let found: Vec<HeapBlock> = store.heap_blocks();
    assert_eq!(found.len(), 100);
    for at in blocks {
        free(&mut store, instance, at).unwrap();
    }
    assert_eq!(store.heap_stats().live_blocks, 0);
}

#[test]
fn alloc_traps_at_the_memory_limit_and_recovers() {
    for limit in [10u64 << 16, u64::MAX] {
        let engine = engine(|config| {
            config.max_memory_bytes(limit);
        });
        let (mut store, instance) = instance_of(&engine, HEAP);
        let mut blocks = Vec::new();
        let error = loop {
            match alloc(&mut store, instance, 10_000) {
                Ok(at) => blocks.push(at),
                Err(error) => break error,
            }
        };
        assert_eq!(error.trap_code(), Some(TrapCode::MemoryLimit));
        // The memory's own maximum is 40 pages; nearly all of what there is can be used.
        let bytes = limit.min(40 << 16);
        assert!(
            blocks.len() as u64 >= (bytes / 16_384) - 2,
            "{}",
            blocks.len()
        );
        free(&mut store, instance, blocks.pop().unwrap()).unwrap();
        alloc(&mut store, instance, 9_000).unwrap();
        for bytes in [u32::MAX, 1 << 31, 41 << 16] {
            let code = trap_code(alloc(&mut store, instance, bytes));
            assert_eq!(code, TrapCode::MemoryLimit, "{bytes}");
        }
    }
}

#[test]
fn a_heap_belongs_to_its_memory() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let memory = Memory::new(&mut store, MemoryType::new(Limits { min: 1, max: None }));
    let memory = memory.unwrap();
    let text = HEAP.replace(".memory 0 40", ".import \"env\" \"memory\" memory 0");
    let module = module(&engine, &text);
    let mut linker = Linker::new(&engine);
    linker.define("env", "memory", memory).unwrap();
    let first = linker.instantiate(&mut store, &module).unwrap();
    let second = linker.instantiate(&mut store, &module).unwrap();
    let at = alloc(&mut store, first, 10).unwrap();
    assert!(at >= 65_536, "a heap uses pages of its own: {at:#x}");
    assert_ne!(alloc(&mut store, second, 10).unwrap(), at);
    free(&mut store, second, at).unwrap();
    assert_eq!(memory.heap_stats(&store).live_blocks, 1);
    assert_eq!(store.heap_stats(), memory.heap_stats(&store));
    assert_ne!(store.heap_stats(), HeapStats::default());
}

/// A module with a function for each bulk operation, all `(i32 i32 i32)`.
const BULK: &str = r#"
    .memory 1
    .data $d passive "abcdefgh"
    .data $active at 65528 "12345678"
    .export "memory" memory 0
    .export "init" func $init
    .export "init_active" func $init_active
    .export "copy" func $copy
    .export "fill" func $fill
    .export "drop" func $drop
    .func $init (i32 $a, i32 $b, i32 $c)
        local.get $a
        local.get $b
        local.get $c
        memory.init $d
        ret
    .end
    .func $init_active (i32 $a, i32 $b, i32 $c)
        local.get $a
        local.get $b
        local.get $c
        memory.init $active
        ret
    .end
    .func $copy (i32 $a, i32 $b, i32 $c)
        local.get $a
        local.get $b
        local.get $c
        memory.copy
        ret
    .end
    .func $fill (i32 $a, i32 $b, i32 $c)
        local.get $a
        local.get $b
        local.get $c
        memory.fill
        ret
    .end
    .func $drop
        data.drop $d
        ret
    .end"#;

#[test]
fn bulk_operations_check_before_they_write() {
    let (mut store, instance) = instance(BULK);
    let end = 65_536u32;
    let mut call = |name: &str, args: (u32, u32, u32)| {
        let func = instance
            .get_typed_func::<(u32, u32, u32), ()>(&mut store, name)
            .unwrap();
        func.call(&mut store, args)
            .map_err(|error| error.trap_code())
    };
    let oob = Err(Some(TrapCode::MemoryOutOfBounds));
    assert_eq!(call("init", (0, 2, 4)), Ok(()));
    assert_eq!(call("init", (end, 8, 0)), Ok(()));
    assert_eq!(call("init", (end + 1, 0, 0)), oob);
    assert_eq!(call("init", (0, 9, 0)), oob);
    assert_eq!(call("init", (0, 1, 8)), oob);
    assert_eq!(call("init", (end - 4, 0, 8)), oob);
    assert_eq!(call("init", (0, u32::MAX, u32::MAX)), oob);
    // Active segments were dropped when they were copied.
    assert_eq!(call("init_active", (0, 0, 0)), Ok(()));
    assert_eq!(call("init_active", (0, 0, 1)), oob);
    assert_eq!(call("copy", (2, 0, 4)), Ok(()));
    assert_eq!(call("copy", (end, end, 0)), Ok(()));
    assert_eq!(call("copy", (end + 1, 0, 0)), oob);
    assert_eq!(call("copy", (0, end - 1, 2)), oob);
    assert_eq!(call("copy", (u32::MAX, 0, u32::MAX)), oob);
    assert_eq!(call("fill", (10, 0x1ff, 3)), Ok(()));
    assert_eq!(call("fill", (end, 7, 0)), Ok(()));
    assert_eq!(call("fill", (end - 2, 7, 3)), oob);
    run(&mut store, instance, "drop").unwrap();
    run(&mut store, instance, "drop").unwrap();
    let mut call = |name: &str, args: (u32, u32, u32)| {
        let func = instance
            .get_typed_func::<(u32, u32, u32), ()>(&mut store, name)
            .unwrap();
        func.call(&mut store, args)
            .map_err(|error| error.trap_code())
    };
    assert_eq!(call("init", (0, 0, 0)), Ok(()));
    assert_eq!(call("init", (0, 0, 1)), oob);
    let memory = instance.get_memory(&mut store, "memory").unwrap();
    assert_eq!(&memory.data(&store)[..14], b"cdcdef\0\0\0\0\xff\xff\xff\0");
    assert_eq!(&memory.data(&store)[65_528..], b"12345678");
}

#[test]
fn the_embedder_reads_writes_and_grows() {
    let (mut store, instance) = instance(BULK);
    let memory = instance.get_memory(&mut store, "memory").unwrap();
    memory.write(&mut store, 100, b"embedder").unwrap();
    let mut buffer = [0; 8];
    memory.read(&store, 100, &mut buffer).unwrap();
    assert_eq!(&buffer, b"embedder");
    for offset in [65_529, usize::MAX] {
        assert!(memory.read(&store, offset, &mut buffer).is_err());
        assert!(memory.write(&mut store, offset, &buffer).is_err());
    }
    let base = memory.data(&store).as_ptr();
    assert_eq!(memory.grow(&mut store, 1_000).unwrap(), 1);
    assert_eq!(memory.size(&store), 1_001);
    assert_eq!(memory.data(&store).len(), 1_001 << 16);
    assert_eq!(memory.data(&store).as_ptr(), base, "a memory never moves");
    assert!(memory.data(&store)[65_536..].iter().all(|&byte| byte == 0));
    assert!(matches!(
        memory.grow(&mut store, 65_536),
        Err(Error::Limit(_))
    ));
    // The program sees what the embedder did.
    let copy = instance
        .get_typed_func::<(u32, u32, u32), ()>(&mut store, "copy")
        .unwrap();
    copy.call(&mut store, (1_000 << 16, 100, 8)).unwrap();
    assert_eq!(&memory.data(&store)[1_000 << 16..][..8], b"embedder");
    memory.data_mut(&mut store)[0] = 1;
    let (bytes, ()) = memory.data_and_store_mut(&mut store);
    assert_eq!(bytes[0], 1);
}

#[test]
fn large_copies_and_fills_are_those_of_a_slice() {
    let (mut store, instance) = instance(BULK);
    let memory = instance.get_memory(&mut store, "memory").unwrap();
    memory.grow(&mut store, 500).unwrap();
    let mut random = 1u64;
    for byte in memory.data_mut(&mut store) {
        random = random.wrapping_mul(6_364_136_223_846_793_005) + 1;
        *byte = (random >> 56) as u8;
    }
    let [copy, fill] = ["copy", "fill"].map(|name| {
        instance
            .get_typed_func::<(u32, u32, u32), ()>(&mut store, name)
            .unwrap()
    });
    let mut expected = memory.data(&store).to_vec();
    // Larger than the steps that they are done in, and overlapping by less and by more than one.
    const LEN: usize = (13 << 20) + 77;
    for (dst, src) in [
        (5, 1_000),
        (1_000, 5),
        (5, 9 << 20),
        (9 << 20, 5),
        (70_000, 70_000),
    ] {
        copy.call(&mut store, (dst as u32, src as u32, LEN as u32))
            .unwrap();
        expected.copy_within(src..src + LEN, dst);
        assert!(memory.data(&store) == expected, "{src} to {dst}");
    }
    fill.call(&mut store, (333, 0x1ab, LEN as u32)).unwrap();
    expected[333..333 + LEN].fill(0xab);
    assert!(memory.data(&store) == expected);
}

#[test]
fn one_memory_may_have_two_indices() {
    for jit in [Jit::Off, Jit::Eager] {
        let mut config = Config::new();
        config.jit(jit);
        let engine = Engine::new(&config);
        let mut store = Store::new(&engine, ());
        let memory = MemoryType::new(Limits { min: 1, max: None });
        let memory = Memory::new(&mut store, memory).unwrap();
        let text = r#"
            .import "env" "m" memory 1
            .import "env" "m" memory 1
            .export "twice" func $twice
            .func $twice (i32 $p) -> (i32, i32, i32)
                i32.push 1
                memory.grow 1
                pop
                local.get $p
                i32.push 7
                i32.store
                local.get $p
                i32.load memory 1
                local.get $p
                i32.push 8
                i32.store memory 1
                local.get $p
                i32.load
                memory.size
                ret
            .end"#;
        let module = module(&engine, text);
        let imports = [memory.into(), memory.into()];
        let instance = Instance::new(&mut store, &module, &imports).unwrap();
        let twice = instance
            .get_typed_func::<i32, (i32, i32, i32)>(&mut store, "twice")
            .unwrap();
        assert_eq!(twice.call(&mut store, 65536).unwrap(), (7, 8, 2));
        assert_eq!(memory.size(&store), 2);
    }
}

#[test]
fn memories_of_64_bit_addresses_and_of_small_pages() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let ty = |address, page_size_log2, min, max| MemoryType {
        address,
        page_size_log2,
        ..MemoryType::new(Limits { min, max })
    };
    // More than there is room for, but nobody wants it at once.
    let large = ty(AddressType::I64, 16, 1, Some(1 << 48));
    let large = Memory::new(&mut store, large).unwrap();
    assert_eq!(large.grow(&mut store, 1).unwrap(), 1);
    assert!(matches!(
        large.grow(&mut store, 1 << 32),
        Err(Error::Limit(_))
    ));
    assert_eq!(large.data(&store).len(), 2 << 16);
    let small = ty(AddressType::I32, 0, 3, Some(10));
    let small = Memory::new(&mut store, small).unwrap();
    assert_eq!(small.grow(&mut store, 6).unwrap(), 3);
    assert!(matches!(small.grow(&mut store, 2), Err(Error::Limit(_))));
    assert_eq!(small.data(&store), [0; 9]);
    assert_eq!(store.usage().memory_bytes, (2 << 16) + 9);
    for wrong in [
        ty(AddressType::I32, 3, 1, None),
        ty(AddressType::I32, 16, 65537, None),
    ] {
        let error = Memory::new(&mut store, wrong);
        assert!(matches!(error, Err(Error::Usage(_))));
    }
}
