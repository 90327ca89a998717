"""Jupyter's own tests of kernels (jupyter_kernel_test), of one of ours, over jupyter_kernel_client.

Another Python runs this, which has both: ``python jupyter_kernel_checks.py URL``. Whether code is complete is not among
them: the answer is `unknown` here. Nor is history by range or by search, which is that of its end.
"""

import sys
import unittest

import jupyter_kernel_test
from jupyter_kernel_client.manager import KernelHttpManager

URL = sys.argv.pop()


class OurKernelTests(jupyter_kernel_test.KernelTests):
    language_name = "python"
    file_extension = ".py"
    code_hello_world = "print('hello, world')"
    code_stderr = "import sys; print('test', file=sys.stderr)"
    code_page_something = "zip?"
    code_generate_error = "raise Exception"
    code_inspect_sample = "zip"
    code_clear_output = "from IPython.display import clear_output; clear_output()"
    completion_samples = ({"text": "zi", "matches": {"zip"}},)
    code_execute_result = ({"code": "1 + 2 + 3", "result": "6"},)
    code_display_data = (
        {"code": "from IPython.display import HTML, display; display(HTML('<b>test</b>'))", "mime": "text/html"},
        {"code": "from IPython.display import Math, display; display(Math('x'))", "mime": "text/latex"},
    )
    code_history_pattern = "1?2*"
    supported_history_operations = ("tail",)

    @classmethod
    def setUpClass(cls):
        cls.km = KernelHttpManager(server_url=URL, token="any")
        cls.km.start_kernel(name="python")
        cls.kc = cls.km.client
        cls.kc.start_channels()

    @classmethod
    def tearDownClass(cls):
        cls.km.shutdown_kernel(now=True)


if __name__ == "__main__":
    unittest.main(verbosity=2)
