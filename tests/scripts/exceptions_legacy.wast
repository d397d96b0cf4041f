;; The first encoding of exceptions, which compilers still emit.

(module
  (tag $e (param i32))
  (tag $f (param i64 f32))
  (tag $g)

  (func (export "thrown") (param i32) (result i32)
    try (result i32) (throw $e (local.get 0))
    catch $e end)

  (func $throw (param i32)
    (if (i32.eqz (local.get 0)) (then (throw $g)))
    (if (i32.eq (local.get 0) (i32.const 1)) (then (throw $e (i32.const 10))))
    (if (i32.eq (local.get 0) (i32.const 2)) (then (throw $f (i64.const 20) (f32.const 0.5))))
    (if (i32.eq (local.get 0) (i32.const 3)) (then unreachable)))

  (func $which (export "which") (param i32) (result i32)
    try (result i32) (call $throw (local.get 0)) (i32.const -1)
    catch $e
    catch $f drop i32.wrap_i64
    catch_all (i32.const 30) end)

  ;; An exception that no clause is for goes on.
  (func (export "only-e") (param i32) (result i32)
    try (result i32) try (result i32) (call $throw (local.get 0)) (i32.const -1)
        catch $e end
    catch_all (i32.const 99) end)

  (func (export "rethrown") (param i32) (result i32)
    (local $n i32)
    try (result i32) try (result i32) (call $throw (local.get 0)) (i32.const -1)
        catch $e
            (local.set $n (i32.add (i32.const 1)))
            (rethrow 0)
        catch_all
            (local.set $n (i32.const 5))
            (rethrow 0) end
    catch $e (i32.add (i32.mul (local.get $n) (i32.const 100)))
    catch_all (local.get $n) end)

  ;; Of two exceptions being handled, the outer one.
  (func (export "rethrow-outer") (result i32)
    try (result i32) try (result i32) (throw $e (i32.const 1))
        catch $e
            (drop)
            try (result i32) (throw $e (i32.const 2))
            catch $e (drop) (rethrow 1) end end
    catch $e end)

  (func (export "uncaught") (param i32) (call $throw (local.get 0)))
  (func (export "rethrow-uncaught")
    try (throw $e (i32.const 1))
    catch $e (drop) (rethrow 0) end)

  ;; delegate: to the try around, past one that would catch it.
  (func (export "delegate") (param i32) (result i32)
    try $outer (result i32) try (result i32) try (result i32) (call $throw (local.get 0)) (i32.const -1)
            delegate $outer
        catch_all (i32.const 1) end
    catch $e (drop) (i32.const 2)
    catch_all (i32.const 3) end)
  (func $delegate-out (param i32)
    try try (call $throw (local.get 0))
        delegate 1
    catch_all end)
  (func (export "delegate-caller") (param i32) (result i32)
    try (result i32) (call $delegate-out (local.get 0)) (i32.const 7)
    catch_all (i32.const 8) end)
  ;; In a catch, it is not that try's any more.
  (func (export "delegate-in-catch") (result i32)
    try (result i32) try $here (result i32) (throw $g)
        catch_all
            try (result i32) (throw $e (i32.const 4))
            delegate $here end
    catch $e end)

  ;; Values below a region stay there, and branches drop them.
  (func (export "values-below") (param i32) (result i32)
    (i32.add
      (i32.const 1000)
      try (result i32) (call $throw (local.get 0)) (i32.const 1)
      catch $e
      catch_all (i32.const 3) end))
  (func (export "branch-out") (param i32) (result i32)
    (block $out (result i32)
      (i32.add
        (i32.const 1000)
        try (result i32) (i32.add
              (i32.const 100)
              try (result i32) (br_if $out (i32.const 1) (i32.eq (local.get 0) (i32.const 5)))
                  drop
                  (br_if $out (i32.const 2) (i32.eq (local.get 0) (i32.const 6)))
                  drop
                  (call $throw (local.get 0))
                  (block $a (block $b (br_table $a $b (i32.sub (local.get 0) (i32.const 7)))) (br $out (i32.const 3)))
                  (i32.const 4)
              catch $e (br $out (i32.const 50)) drop drop (i32.const 0) end)
        catch_all (br $out (i32.const 60)) end)))
  (func (export "loop") (param $n i32) (result i32)
    (local $sum i32)
    (loop $again (result i32)
      try (if (i32.eqz (local.get $n)) (then (throw $g)))
          (throw $e (local.get $n))
      catch $e
          (local.set $sum (i32.add (local.get $sum)))
          (local.set $n (i32.sub (local.get $n) (i32.const 1)))
          (br $again)
      catch_all end
      (local.get $sum)))
  (func (export "parameters") (param i32) (result i32)
    (i32.const 5) (local.get 0)
    try (param i32) (result i32) (call $throw) (i32.const 6)
    catch_all (i32.const 7) end
    i32.sub)

  ;; What was set before the exception is seen, what would have been set is not.
  (func (export "locals") (param i32) (result i32)
    (local $x i32)
    try (local.set $x (i32.const 1))
        (call $throw (local.get 0))
        (local.set $x (i32.const 2))
    catch_all end
    (local.get $x))

  ;; What is called by a tail call is not in the regions of its caller.
  (func $tail (param i32)
    try (return_call $throw (local.get 0))
    catch_all end)
  (func (export "tail") (param i32) (result i32)
    try (result i32) (call $tail (local.get 0)) (i32.const 1)
    catch_all (i32.const 2) end)

  (func $deep (param i32)
    (if (i32.eqz (local.get 0)) (then (throw $e (i32.const 77))))
    (call $deep (i32.sub (local.get 0) (i32.const 1))))
  (func (export "deep") (param i32) (result i32)
    try (result i32) (call $deep (local.get 0)) (i32.const 1)
    catch $e end)
  ;; Each frame catches it and throws it on.
  (func $relay (param i32)
    (if (i32.eqz (local.get 0)) (then (throw $e (i32.const 78))))
    try (call $relay (i32.sub (local.get 0) (i32.const 1)))
    catch $e (drop) (rethrow 0) end)
  (func (export "relay") (param i32) (result i32)
    try (result i32) (call $relay (local.get 0)) (i32.const 1)
    catch $e end)
)

(assert_return (invoke "thrown" (i32.const 42)) (i32.const 42))
(assert_return (invoke "which" (i32.const 0)) (i32.const 30))
(assert_return (invoke "which" (i32.const 1)) (i32.const 10))
(assert_return (invoke "which" (i32.const 2)) (i32.const 20))
(assert_trap (invoke "which" (i32.const 3)) "unreachable")
(assert_return (invoke "which" (i32.const 4)) (i32.const -1))
(assert_return (invoke "only-e" (i32.const 0)) (i32.const 99))
(assert_return (invoke "only-e" (i32.const 1)) (i32.const 10))
(assert_return (invoke "rethrown" (i32.const 0)) (i32.const 5))
(assert_return (invoke "rethrown" (i32.const 1)) (i32.const 1110))
(assert_return (invoke "rethrown" (i32.const 4)) (i32.const -1))
(assert_return (invoke "rethrow-outer") (i32.const 1))
(assert_exception (invoke "uncaught" (i32.const 0)))
(assert_exception (invoke "uncaught" (i32.const 2)))
(assert_exception (invoke "rethrow-uncaught"))
(assert_return (invoke "delegate" (i32.const 0)) (i32.const 3))
(assert_return (invoke "delegate" (i32.const 1)) (i32.const 2))
(assert_return (invoke "delegate" (i32.const 4)) (i32.const -1))
(assert_return (invoke "delegate-caller" (i32.const 0)) (i32.const 8))
(assert_return (invoke "delegate-caller" (i32.const 4)) (i32.const 7))
(assert_return (invoke "delegate-in-catch") (i32.const 4))
(assert_return (invoke "values-below" (i32.const 0)) (i32.const 1003))
(assert_return (invoke "values-below" (i32.const 1)) (i32.const 1010))
(assert_return (invoke "values-below" (i32.const 4)) (i32.const 1001))
(assert_return (invoke "branch-out" (i32.const 0)) (i32.const 60))
(assert_return (invoke "branch-out" (i32.const 1)) (i32.const 50))
(assert_return (invoke "branch-out" (i32.const 5)) (i32.const 1))
(assert_return (invoke "branch-out" (i32.const 6)) (i32.const 2))
(assert_return (invoke "branch-out" (i32.const 7)) (i32.const 1104))
(assert_return (invoke "branch-out" (i32.const 8)) (i32.const 3))
(assert_return (invoke "loop" (i32.const 1000)) (i32.const 500500))
(assert_return (invoke "parameters" (i32.const 4)) (i32.const -1))
(assert_return (invoke "parameters" (i32.const 0)) (i32.const -2))
(assert_return (invoke "locals" (i32.const 0)) (i32.const 1))
(assert_return (invoke "locals" (i32.const 4)) (i32.const 2))
(assert_return (invoke "tail" (i32.const 0)) (i32.const 2))
(assert_return (invoke "tail" (i32.const 4)) (i32.const 1))
(assert_return (invoke "deep" (i32.const 5000)) (i32.const 77))
(assert_return (invoke "relay" (i32.const 5000)) (i32.const 78))
