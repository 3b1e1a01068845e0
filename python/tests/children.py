"""What tests with processes of multiprocessing's begin with."""

import multiprocessing

METHODS = multiprocessing.get_all_start_methods()


def start(method, function, *arguments):
    process = multiprocessing.get_context(method).Process(target=function, args=arguments)
    process.start()
    return process


def ended(process, code=0):
    process.join(60)
    assert process.exitcode == code
