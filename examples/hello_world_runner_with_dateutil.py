from dateutil.utils import today

from wca.runners import Runner


class HelloWorldRunner(Runner):
    def run(self):
        print(f"Hello world! Today is {today()}")
