"""The books balance at every moment."""

import threading

from wca.storage.ledger import Account, Ledger, ledger_of


def test_every_sample_is_in_one_place():
    ledger = Ledger()
    ledger.recover(2)
    ledger.collect(10)
    ledger.deliver(5)
    ledger.drop("expired", 3)
    ledger.drop("expired", 1)
    ledger.drop("merged", 0)
    assert ledger.account == Account(10, 2, 5, {"expired": 4}, 3)


def test_reasons_are_known_before_their_first_sample():
    ledger = Ledger("queue_full", "expired")
    ledger.expect("closed")
    assert ledger.dropped == {"queue_full": 0, "expired": 0, "closed": 0}
    ledger.lose("expired", 2)
    ledger.lose("refused", 1)
    assert ledger.dropped == {"queue_full": 0, "expired": 2, "closed": 0, "refused": 1}
    assert ledger.account.dropped == {"expired": 2, "refused": 1}


def test_no_more_is_left_out_than_there_was():
    ledger = Ledger()
    ledger.collect(10)
    ledger.settle(10, {"rejected": 4, "filtered": 99, "merged": -1})
    assert ledger.account == Account(10, 0, 0, {"rejected": 4, "filtered": 6}, 0)


def test_what_was_lost_before_it_was_taken_over_is_collected_all_the_same():
    ledger = Ledger()
    ledger.lose("queue_full", 4)
    assert ledger.account == Account(4, 0, 0, {"queue_full": 4}, 0)


def test_the_books_balance_while_other_threads_write():
    ledger, ended = Ledger(), threading.Event()

    def work():
        while not ended.is_set():
            ledger.collect(3)
            ledger.deliver(1)
            ledger.drop("expired", 2)
            ledger.lose("failed", 1)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for one in threads:
        one.start()
    for _ in range(2000):
        account = ledger.account
        ways = account.delivered + sum(account.dropped.values()) + account.waiting
        assert account.collected + account.recovered == ways
    ended.set()
    for one in threads:
        one.join()


def test_a_storage_keeps_books_when_it_has_them():
    class Storage:
        ledger = Ledger()

    assert ledger_of(Storage()) is Storage.ledger
    assert ledger_of(object()) is None
